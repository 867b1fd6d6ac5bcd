"""What a page of `force-orders report` was made of."""

import json
import re
from typing import Any

from tests.packed import unpacked_page


def page_data(page: str) -> dict[str, Any]:
    """The data that a page holds."""
    (found,) = re.findall(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    return unpacked_page(json.loads(found))
