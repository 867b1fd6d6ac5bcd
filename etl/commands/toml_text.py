"""Values as TOML, as far as a settings file needs it."""

import json
import re
from collections.abc import Mapping, Sequence

from etl.errors import ConfigError

Plain = str | int | float | Sequence[str]


def table(values: Mapping[str, Plain]) -> str:
    """A line for each value; raises ConfigError for a text that TOML cannot hold."""
    return "".join(f"{name} = {_value(value)}\n" for name, value in values.items())


def key(name: str) -> str:
    """A name as it stands in a table's head."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _value(name)


def _value(value: Plain) -> str:
    """JSON's strings and numbers are TOML's, but for DEL, which TOML wants escaped."""
    text = json.dumps(value if isinstance(value, str | int | float) else list(value), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError("a path is no valid UTF-8, which a settings file cannot hold") from None
    return text.replace("\x7f", r"\u007f")
