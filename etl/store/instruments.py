"""The table `instruments`: what each symbol of a market is. A symbol stays there when the exchange delists it."""

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import Connection, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from etl.core.instruments import Instrument
from etl.core.timeline import to_datetime
from etl.store.schema import instruments


def remember(connection: Connection, market: str, listed: Iterable[Instrument]) -> None:
    """Keep what an exchange lists now: all symbols of the market. The caller commits.

    A symbol that it no longer lists stays as it was, and is marked so. A listing without any symbol is no answer, and
    changes nothing. A market that shares the instruments of another, as `pm-usdm` does those of `usdm`, stores them
    there.
    """
    rows = [_row(one) for one in sorted({one.symbol: one for one in listed}.values(), key=lambda one: one.symbol)]
    if not rows:
        return
    of_market = func.instrument_market(market)
    own, now = instruments.c, func.now()
    statement = insert(instruments).values(
        [
            row | {"market": of_market, "first_seen_at": now, "changed_at": now, "seen_at": now, "is_listed": True}
            for row in rows
        ]
    )
    told = {name: statement.excluded[name] for name in (*rows[0], "is_listed") if name != "symbol"}
    is_changed = or_(*(own[name].is_distinct_from(value) for name, value in told.items()))
    changed_at = case((is_changed, now), else_=own.changed_at)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(instruments.primary_key), set_=told | {"seen_at": now, "changed_at": changed_at}
        )
    )
    gone = own.symbol.not_in([row["symbol"] for row in rows])
    connection.execute(
        update(instruments).where(own.market == of_market, own.is_listed, gone).values(is_listed=False, changed_at=now)
    )


def are_recent(connection: Connection, market: str) -> bool:
    """Whether the instruments of a market were listed in the last 20 hours, by the database's clock."""
    own = instruments.c
    since = func.clock_timestamp() - func.make_interval(0, 0, 0, 0, 20)
    listed = own.market == func.instrument_market(market), own.seen_at.between(since, func.clock_timestamp())
    return connection.scalar(select(own.seen_at).where(*listed).limit(1)) is not None


def _row(one: Instrument) -> dict[str, object]:
    delivery_at = None if one.delivery_at is None else to_datetime(one.delivery_at)
    return asdict(one) | {"delivery_at": delivery_at}
