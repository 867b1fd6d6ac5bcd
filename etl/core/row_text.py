"""The JSON text of a row as received, read without loss."""

import json
from decimal import Decimal, InvalidOperation


def keys_of(raw: str) -> dict[str, object]:
    """The row's values by key. Every number is a Decimal: exact, and without a limit on its digits.

    One whose exponent is beyond any Decimal stays text.
    """
    keys: dict[str, object] = json.loads(raw, parse_float=_number, parse_int=_number)
    return keys


def _number(written: str) -> Decimal | str:
    try:
        return Decimal(written)
    except InvalidOperation:
        return written
