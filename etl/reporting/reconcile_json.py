"""The result of `reconcile` for programs."""

from typing import Any

from etl.core.order_lists import Discrepancy, Kind
from etl.core.timeline import Window, iso
from etl.runs.reconciliation import Reconciler
from etl.runs.summary import Summary
from etl.store.reconciliations import Disputed, Reconciled


def reconcile_json(summary: Summary, done: Reconciler) -> dict[str, Any]:
    """Times as ISO 8601 in UTC. A day of which an order is disputed is disputed, whatever else was compared of it."""
    return {
        "run_id": summary.run_id,
        "status": summary.status,
        "exit_code": int(summary.exit_code),
        "requests": summary.counts.requests,
        "weight": summary.counts.weight,
        "reconciliations": [_reconciled(one, done) for one in done.done],
        "not_compared": [wallet._asdict() for wallet in done.skipped],
        "disputed": [disputed_json(one) for one in done.disputed],
        "faults": summary.faults,
    }


def disputed_json(one: Disputed) -> dict[str, Any]:
    return one._asdict() | {"order_time": one.order_time.isoformat()}


def _reconciled(one: Reconciled, done: Reconciler) -> dict[str, Any]:
    doubted = {order.order_time.date() for order in done.disputed if (order.account, order.market) == one.wallet}
    return {
        **one.wallet._asdict(),
        "span": _interval(one.span),
        "compared": [*map(_interval, one.compared)],
        "reason": one.reason,
        "days": [
            {"day": day.day.isoformat(), "verdict": "disputed" if day.day in doubted else day.verdict.value}
            | {"reason": day.reason}
            for day in one.days
        ],
        "orders_listed": one.orders_listed,
        "orders_compared": len(one.agreeing),
        **{kind.value: one.count(kind) for kind in Kind},
        "expected": dict(one.expected),
        "accepted": one.accepted,
        "orders": [_order(order) for order in one.discrepancies],
    }


def _order(one: Discrepancy) -> dict[str, Any]:
    return {
        "symbol": one.symbol,
        "order_id": one.order_id,
        "order_time": iso(one.order_time),
        "kind": one.kind.value,
        "detail": one.detail,
    }


def _interval(window: Window) -> dict[str, str]:
    return {"since": iso(window.start), "until": iso(window.end)}
