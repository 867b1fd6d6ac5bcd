"""The report as one HTML page that contains its data, style, scripts and the chart library and loads nothing."""

import base64
import hashlib
import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from etl.core.text import printable
from etl.reporting.packed_rows import pack

LIBRARY = "echarts.min.js"
SCRIPTS = (
    *("rows.js", "figures.js", "views.js", "tables.js", "costs.js", "head.js"),
    *("look.js", "charts.js", "days.js", "page.js"),
)
"""In the order in which they depend on each other."""

ROWS = ("verdicts", "daily", "hours", "cascades", "coverage", "costs", "cost_states", "largest")

_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
"""JSON escapes for characters that could end the script element or a line of it."""


def page(data: Mapping[str, Any]) -> str:
    """The page as text, to be encoded as UTF-8; `data` is the result of `ReportData.as_json()`.

    It works offline. Its content security policy allows these scripts only and forbids the browser to load anything.
    """
    library = asset(LIBRARY)
    script = "'use strict';\n{\n" + "\n".join(map(asset, SCRIPTS)) + "}\n"
    policy = {
        "default-src": "'none'",
        "script-src": f"{_csp_hash(library)} {_csp_hash(script)}",
        "style-src": "'unsafe-inline'",  # the chart library sets style attributes
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return Template(asset("page.html")).substitute(
        policy="; ".join(f"{kind} {sources}" for kind, sources in policy.items()),
        style=asset("page.css"),
        library=library,
        script=script,
        zone=escape(printable(data["time_zone"])),
        data=_script_json(_packed(data)),
    )


def _packed(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same with columns in place of rows."""
    improvements = {**data["improvements"], "rows": pack(data["improvements"]["rows"])}
    return {**data, **{name: pack(data[name]) for name in ROWS}, "improvements": improvements}


def asset(name: str) -> str:
    """The text of one of the page's source files."""
    return (files("etl.reporting") / "page" / name).read_text(encoding="utf-8")


def _csp_hash(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _script_json(data: Mapping[str, Any]) -> str:
    """JSON that cannot end its script element, whatever its texts contain."""
    text = json.dumps(_printable(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_ESCAPES)


def _printable(value: Any) -> Any:
    """The same value without control characters and bidirectional marks in its texts."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {name: _printable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_printable(item) for item in value]
    return value
