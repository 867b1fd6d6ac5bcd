"""The environment in which tests run the command: only what it needs."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

CLOCK_VARIABLES = ("LD_PRELOAD", "TZ")
"""Set by `tests.dates`, to run the suite on another date and in another time zone."""


ORDERS_ALONE = {
    "FORCE_ORDERS_COST_WEIGHT": "0",
    "FORCE_ORDERS_RECONCILE_DAYS": "0",
    "FORCE_ORDERS_AUDIT_WINDOWS": "0",
}
"""A nightly run reads no costs, reconciles and audits nothing: most tests count the requests for force orders."""


def bare_environment(home: Path) -> dict[str, str]:
    """PATH, a home directory, this checkout's code, and the date and time zone of the tests themselves."""
    clock = {name: os.environ[name] for name in CLOCK_VARIABLES if name in os.environ}
    return clock | {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        **ORDERS_ALONE,
    }
