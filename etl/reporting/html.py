"""One HTML page out of a report: data, style, scripts and the charts library inside, nothing loaded from anywhere."""

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

from etl.core.text import printable

LIBRARY = "echarts.min.js"
SCRIPTS = ("figures.js", "views.js", "tables.js", "look.js", "charts.js", "days.js", "page.js")
"""In the order in which they build on each other: numbers first, the document last."""

_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
"""What could end the script element that holds the data, or a line of it, in a form that JSON reads as the same."""


def page(data: Mapping[str, Any]) -> str:
    """The page as text, to be stored as UTF-8; `data` is what `ReportData.as_json()` gives.

    It opens offline, and its policy lets the browser run these scripts and no others, and load nothing.
    """
    library = asset(LIBRARY)
    script = "'use strict';\n{\n" + "\n".join(map(asset, SCRIPTS)) + "}\n"
    policy = {
        "default-src": "'none'",
        "script-src": f"{_fingerprint(library)} {_fingerprint(script)}",
        "style-src": "'unsafe-inline'",  # the charts set the styles of what they draw
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return Template(asset("page.html")).substitute(
        policy="; ".join(f"{kind} {sources}" for kind, sources in policy.items()),
        style=asset("page.css"),
        library=library,
        script=script,
        data=_embedded(data),
    )


def asset(name: str) -> str:
    """The text of a file that the page is made of."""
    return (files("etl.reporting") / "page" / name).read_text(encoding="utf-8")


def _fingerprint(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _embedded(data: Mapping[str, Any]) -> str:
    """JSON that stays inside its script element whatever the texts in it say."""
    text = json.dumps(_readable(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_ESCAPES)


def _readable(value: Any) -> Any:
    """The same without control characters and without signs that turn the reading direction."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {name: _readable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    return value
