"""Reads the summary of some runs from the database; sends no request to the exchange."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, text

from etl.core.planning import Rules
from etl.core.timeline import DAY, to_datetime
from etl.core.wallets import Wallet
from etl.exchange.clock import local_now
from etl.monitoring.status import days_until_loss, unread_since
from etl.notifications.summary import (
    NewOrders,
    NotificationSummary,
    RowCounts,
    RunResult,
    UnreadHistory,
    gaps_by_account,
)
from etl.runs import from_settings
from etl.settings.model import Settings
from etl.store import coverage, decisions, runs
from etl.store.coverage import Gap, Watermark
from etl.store.engine import store_errors


def read_summary(
    connection: Connection, run_ids: Sequence[int], rules: Rules, accounts: Collection[str] = (), *, orders: bool
) -> NotificationSummary:
    """How these runs ended and what they stored, and what is unread of these accounts.

    Without any, of all that are not retired.

    New orders are read only if `orders` is set: that query reads all orders of the retention time. `rules.now` is this
    machine's time. Raises StoreError.
    """
    with store_errors():
        ended = runs.of_ids(connection, run_ids)
        retired = decisions.retired_accounts(connection)
        marks, gaps = coverage.read_watermarks(connection, accounts), coverage.read_gaps(connection, accounts)
        chosen = set(accounts or {mark.account for mark in marks} - retired)
        marks = [mark for mark in marks if mark.account in chosen]
        gaps = [gap for gap in gaps if gap.account in chosen]
        new = _new_orders(connection, run_ids, rules) if orders and any(run.inserted for run in ended) else ()
        connection.rollback()
    return NotificationSummary(
        runs=tuple(RunResult(run.command, run.status, (run.error,) if run.error else (), run.id) for run in ended),
        rows=RowCounts(*(sum(getattr(run, name) for run in ended) for name in ("inserted", "updated", "quarantined"))),
        gaps=gaps_by_account(gaps),
        unread=_unread(marks, gaps, rules),
        orders=new,
    )


def stored_summary(
    settings: Settings, connection: Connection, run_ids: Sequence[int], accounts: Collection[str]
) -> NotificationSummary:
    """`read_summary` under these settings, as of now."""
    rules = from_settings.rules(settings, local_now())
    return read_summary(connection, run_ids, rules, accounts, orders="orders" in settings.notify_about)


def _unread(marks: Sequence[Watermark], gaps: Sequence[Gap], rules: Rules) -> tuple[UnreadHistory, ...]:
    """The oldest unread history of each account and market, over all symbols; none if the exchange deletes nothing."""
    of_scope: dict[tuple[str, str, str], list[Gap]] = {}
    for gap in gaps:
        of_scope.setdefault((gap.account, gap.market, gap.symbol), []).append(gap)
    oldest: dict[Wallet, int] = {}
    for mark in marks:
        since = unread_since(mark, of_scope.get((mark.account, mark.market, mark.symbol), ()))
        if since is not None:
            wallet = Wallet(mark.account, mark.market)
            oldest[wallet] = min(since, oldest.get(wallet, since))
    left = ((wallet, since, days_until_loss(since, rules)) for wallet, since in sorted(oldest.items()))
    return tuple(UnreadHistory(own.account, since, days, own.market) for own, since, days in left if days is not None)


def _new_orders(connection: Connection, run_ids: Sequence[int], rules: Rules) -> tuple[NewOrders, ...]:
    """Filters by time to use the index: a new order is no older than the retention time; a week is added to be safe."""
    since = 0 if rules.keeps is None else max(0, rules.now - rules.keeps - 7 * DAY)
    rows = connection.execute(_NEW_ORDERS, {"runs": list(run_ids), "since": to_datetime(since)})
    return tuple(NewOrders(*row) for row in rows)


_NEW_ORDERS = text("""
    SELECT shown.account, shown.symbol, shown.close_type, count(*), sum(shown.notional), shown.quote_asset,
           shown.market
      FROM (SELECT new.*
              FROM (SELECT DISTINCT account FROM coverage) AS accounts
             CROSS JOIN LATERAL (
                   SELECT account, market, symbol, order_id FROM force_orders o
                    WHERE o.account = accounts.account AND o.order_time >= :since AND o.first_run_id = ANY(:runs)
                   ) AS new
           ) AS new
      JOIN report_force_orders AS shown USING (account, market, symbol, order_id)
     GROUP BY shown.account, shown.market, shown.symbol, shown.close_type, shown.quote_asset
     ORDER BY shown.account, shown.market, shown.symbol, shown.close_type
""")
