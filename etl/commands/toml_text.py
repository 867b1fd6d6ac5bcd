"""Writes values as TOML, as far as a settings file needs it."""

import json
import re
from collections.abc import Mapping, Sequence

from etl.errors import ConfigError

Plain = str | int | float | Sequence[str]


def table(values: Mapping[str, Plain]) -> str:
    """One line for each value; raises ConfigError for a text that TOML cannot hold."""
    return "".join(f"{name} = {_value(value)}\n" for name, value in values.items())


def key(name: str) -> str:
    """A name as written in the header of a table."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Plain) -> str:
    """JSON strings and numbers are valid TOML, except for DEL, which TOML requires to be escaped."""
    text = json.dumps(value if isinstance(value, str | int | float) else list(value), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError("a path is not valid UTF-8, so that a settings file cannot hold it") from None
    return text.replace("\x7f", r"\u007f")
