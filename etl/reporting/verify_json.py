"""The result of `verify` for programs."""

from typing import Any

from etl.core.differences import DifferenceKind
from etl.core.timeline import Window, iso
from etl.core.verifying import ScopeResult
from etl.runs.summary import Summary
from etl.runs.verification import Verification
from etl.store.schema import EVERY_SYMBOL
from etl.store.verifications import DIFFERENCES_KEPT, as_json


def verify_json(summary: Summary, done: Verification) -> dict[str, Any]:
    """Times as ISO 8601 in UTC; the first DIFFERENCES_KEPT differences, all of which are counted."""
    sample = done.sample
    return {
        "run_id": summary.run_id,
        "status": summary.status,
        "exit_code": int(summary.exit_code),
        "windows": summary.windows,
        "requests": summary.counts.requests,
        "weight": summary.counts.weight,
        "quarantined": summary.counts.quarantined,
        "scopes": [_scope(scope) for scope in done.scopes],
        "unread": [
            _scope_name(scope) | _interval(unread.window) | {"reason": unread.reason} for scope, unread in done.unread
        ],
        "differences": [d.wallet._asdict() | as_json(d) for d in done.differences[:DIFFERENCES_KEPT]],
        "sample": None
        if sample.chosen == sample.population
        else {
            "windows": sample.population,
            "chosen": sample.chosen,
            "read": sample.read,
            "differing": sample.differing,
            "upper_bound": sample.upper_bound,
        },
        "faults": summary.faults,
    }


def _scope(scope: ScopeResult) -> dict[str, Any]:
    return {
        **_scope_name(scope),
        "span": _interval(scope.span),
        "compared": [*map(_interval, scope.compared)],
        "orders_compared": scope.orders,
        **{kind.value: scope.count(kind) for kind in DifferenceKind},
        "forgotten": scope.forgotten,
        "repaired": scope.repaired,
    }


def _scope_name(scope: ScopeResult) -> dict[str, str]:
    return scope.wallet._asdict() | {"symbol": scope.symbol or EVERY_SYMBOL}


def _interval(window: Window) -> dict[str, str]:
    return {"since": iso(window.start), "until": iso(window.end)}
