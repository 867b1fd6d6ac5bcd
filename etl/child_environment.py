"""The environment of a program that we start: an allow-list, because ours may hold keys and passwords by any name."""

import os

PASSED_ON = frozenset(("PATH", "HOME", "TMPDIR", "TZ"))
"""Variables that every program gets, beside those that begin with LD_."""


def child_environment(*more: str) -> dict[str, str]:
    """The variables for a program: those that every one gets, and `more` by their names."""
    return {name: value for name, value in os.environ.items() if name in {*PASSED_ON, *more} or name.startswith("LD_")}
