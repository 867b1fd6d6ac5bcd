"""Prometheus's own tool, where it is installed: it tests alert rules and reads PromQL."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

STEP_S = 300
"""Seconds between two samples, and between two evaluations."""


def promtool(*words: str) -> "subprocess.CompletedProcess[str]":
    """What `promtool WORDS…` prints; skips the test where there is no promtool."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not here: docs/contributing.md says how to get it")
    return subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=120, check=False)


def complaints(directory: Path, rules: Path, series: Mapping[str, str], expectation: Mapping[str, Any]) -> str:
    """What `promtool test rules` finds wrong with an expectation, which is a part of its test file; empty: nothing.

    `series`: values in its notation, such as `0+300x10`, a sample each STEP_S, the first at the epoch. A series that
    names no instance is told by two.
    """
    test = {"interval": f"{STEP_S}s", "input_series": _told(series), **expectation}
    file = directory / "test.json"  # JSON is YAML
    file.write_text(
        json.dumps({"rule_files": [str(rules)], "evaluation_interval": f"{STEP_S}s", "tests": [test]}), encoding="utf-8"
    )
    done = promtool("test", "rules", str(file))
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _told(series: Mapping[str, str]) -> Sequence[Mapping[str, str]]:
    return [
        {"series": told, "values": values}
        for name, values in series.items()
        for told in ([name] if "instance=" in name else [_of_instance(name, instance) for instance in ("one", "two")])
    ]


def _of_instance(name: str, instance: str) -> str:
    metric, _, labels = name.rstrip("}").partition("{")
    return f'{metric}{{{labels}{"," if labels else ""}instance="{instance}"}}'
