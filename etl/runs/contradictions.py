"""Pages held against the orders that are stored: what leaves out a stored order proves nothing.

A server that lags behind the others answers with too few rows, and its page looks whole. Only the database can tell.
"""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from etl.core.orders import Key, Order
from etl.core.walking import Finding, Verdict
from etl.store import orders


def dispute(
    connection: Connection, account: str, market: str, findings: Sequence[Finding]
) -> tuple[list[Finding], set[Key]]:
    """The findings, those disputed whose pages lack a stored order; and the orders that are lacking.

    An order counts if both its times lie in the proven interval. An order without a fill may be missing once it is
    three days old, since the exchange forgets such orders.
    """
    proven = [finding for finding in findings if finding.verdict is Verdict.PROVEN]
    if not proven:
        return list(findings), set()
    stored = orders.sums(connection, account, market, [(one.symbol, one.window) for one in proven])
    lacking = {
        id(finding): _lacking(connection, account, market, finding)
        for finding, sums in zip(proven, stored, strict=True)
        if sums != _sums(finding)
    }
    judged = [replace(one, verdict=Verdict.DISPUTED) if lacking.get(id(one)) else one for one in findings]
    return judged, set().union(*lacking.values())


def _lacking(connection: Connection, account: str, market: str, finding: Finding) -> set[Key]:
    shown = {order.key for order in finding.shown}
    lasting = orders.lasting_between(connection, account, market, finding.symbol, finding.window)
    return set(lasting) - shown


def _sums(finding: Finding) -> tuple[int, int]:
    """How many orders of the interval the pages show, and the sum of their ids."""
    inside = {order.key for order in finding.shown if _is_inside(order, finding)}
    return len(inside), sum(order_id for _, order_id in inside)


def _is_inside(order: Order, finding: Finding) -> bool:
    window = finding.window
    return finding.symbol in (None, order.symbol) and all(map(window.contains, (order.order_time, order.update_time)))
