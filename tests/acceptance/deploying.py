"""The files of config/deploy as a test reads them."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.environment import ROOT

DEPLOY = ROOT / "config" / "deploy"
GRAFANA = ROOT / "config" / "grafana"
DBT = ROOT / "config" / "dbt"


def text_of(name: str) -> str:
    """A file of one of the three directories."""
    (file,) = (directory / name for directory in (DEPLOY, GRAFANA, DBT) if (directory / name).exists())
    return file.read_text(encoding="utf-8")


def yaml_lines(name: str) -> Iterator[tuple[str, str]]:
    """(dotted path, value) of each line of a YAML file in plain block style; an item of a list is called `[]`."""
    above: list[tuple[int, str]] = []
    for line in text_of(name).splitlines() if name.endswith(".yaml") else ():
        content = line.lstrip()
        indent = len(line) - len(content)
        if not content or content.startswith("#"):
            continue
        if content.startswith("- "):
            above = [*(one for one in above if one[0] < indent), (indent, "[]")]
            content, indent = content[2:], indent + 2
        found = re.fullmatch(r"([A-Za-z./]+):(?: (.+))?", content)
        assert found is not None, line
        above = [*(one for one in above if one[0] < indent), (indent, found[1])]
        yield ".".join(name for _, name in above), (found[2] or "").strip('"')


def unit_lines(name: str, setting: str) -> list[str]:
    return re.findall(rf"^{setting}=(.*)$", text_of(name), re.MULTILINE)


def executable(directory: Path) -> Path:
    """A new directory with nothing in it but `force-orders`."""
    directory.mkdir()
    script = directory / "force-orders"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -W error -m etl "$@"\n')
    script.chmod(0o755)
    return directory
