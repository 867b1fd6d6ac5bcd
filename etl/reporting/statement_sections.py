"""The parts of a statement as people read them: page and terminal show the same titles, notes and cells."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from etl.core.completeness import DayState
from etl.core.market_choice import sort_markets
from etl.core.statement import LETTERS, MEANINGS, NO_MARKET, Calendar, MarketLine, Statement, calendars
from etl.core.text import many
from etl.core.timeline import iso, to_the_second
from etl.reporting.layout import Column
from etl.reporting.report_tables import format_number
from etl.reporting.table import MARKET, MIN_WIDTH, Table, table

TITLE = "Completeness statement"
SIGNATURE = ("Place and date", "Name", "Signature")
WORDS = {True: "Complete", False: "Not complete"}
_ACCOUNT = Column("account", min_width=MIN_WIDTH)
_EXISTS = {True: "yes", False: "no", None: "not known"}


class Section(NamedTuple):
    """A table with its title and what is to be said of it; `nothing` is said where it has no row."""

    title: str
    note: str
    table: Table
    nothing: str


def facts(statement: Statement, statement_id: str) -> list[tuple[str, str]]:
    """What stands at the top: of whom, of what, when and by whom."""
    origin, period = statement.origin, statement.period
    local = "" if statement.zone == "UTC" else f"; {origin.at_local} in {statement.zone}"
    names = "accounts" if len(statement.accounts) > 1 else "account"
    return [
        (names, ", ".join(statement.accounts) or "none"),
        (
            "markets",
            ", ".join(sort_markets({one.market for one in statement.markets if one.is_read})) or "none is read",
        ),
        ("period", f"{period.first} to {period.last}, {many(len(period.days()), 'day')} of {statement.zone}"),
        ("instants", f"{iso(statement.starts_at)} to {iso(statement.ends_at)}, the end not included"),
        ("made at", f"{_moment(origin.at)}{local}"),
        ("made by", f"{origin.user} on {origin.host}"),
        ("made with", f"force-orders {origin.version}, schema {origin.schema}, PostgreSQL {origin.server}"),
        ("id", statement_id),
    ]


def legend(statement: Statement) -> list[tuple[str, str, str]]:
    """Letter, state and meaning of each state that a day has."""
    found = {one.state for one in statement.days}
    said = [(LETTERS[state], str(state), MEANINGS[state]) for state in DayState if state in found]
    is_partial = any(
        NO_MARKET in month.cells for one in calendars(statement.days) for month in one.months(statement.period)
    )
    return [*said, *([(NO_MARKET, "none", "the account did not have the market")] if is_partial else [])]


def calendar_title(calendar: Calendar) -> str:
    """Account, market, and how many of its days are in each state."""
    counts = ", ".join(f"{count} {state}" for state, count in calendar.counts().items())
    return f"{calendar.account}, {calendar.market}: {many(len(calendar.states), 'day')}, {counts}"


def unknown_accounts(statement: Statement) -> list[str]:
    """Accounts that have no calendar, because nothing is known of them."""
    known = {one.account for one in statement.days}
    return [name for name in statement.accounts if name not in known]


def sections(statement: Statement) -> list[Section]:
    """In the order in which they are shown."""
    return [make(statement) for make in _SECTIONS]


def _markets(statement: Statement) -> Section:
    columns = (
        *(_ACCOUNT, MARKET, Column("read"), Column("the account has it", 2), Column("asked for since", 1)),
        *(Column("proven until", 3), Column("why", 4, MIN_WIDTH, wraps=True)),
    )
    rows = [
        (
            *(one.account, one.market, "yes" if one.is_read else "no", _has(one)),
            *(_moment(one.asked_since), _moment(one.proven_until), one.reason or _why(one)),
        )
        for one in statement.markets
    ]
    note = (
        "A market that the account has and that is not read is never complete. One of which nobody asked whether the "
        "account has it is not in the verdict. Instants here and below are UTC."
    )
    return Section("Markets read and not read", note, table(None, columns, rows), "No account is known.")


def _has(one: MarketLine) -> str:
    said = "yes" if one.state is None and one.is_read else _EXISTS[one.exists]
    since = f", since {_moment(one.since)}" if one.since is not None else ""
    until = f", until {_moment(one.until)}" if one.until is not None else ""
    return f"{said}{since}{until}"


def _why(one: MarketLine) -> str | None:
    if one.is_read:
        return None
    return "nobody asked whether the account has it" if one.state is None else one.state.replace("_", " ")


def _gaps(statement: Statement) -> Section:
    columns = (_ACCOUNT, MARKET, Column("symbols"), Column("from"), Column("until"), Column("reason"))
    rows = [(*one[:3], iso(one.start), iso(one.end), one.reason) for one in statement.gaps]
    note = "What was asked for and is not proven, cut to the period. What was never asked for is in the calendar alone."
    return Section("Gaps", note, table(None, columns, rows), "None.")


def _quarantined(statement: Statement) -> Section:
    columns = (
        *(_ACCOUNT, MARKET, Column("row", align_right=True), Column("received at", 1), Column("may belong to")),
        Column("reason", 2, MIN_WIDTH, wraps=True),
    )
    rows = [
        (one.account, one.market, one.id, _moment(one.seen_at), _doubted(one.first_day, one.last_day), one.reason)
        for one in statement.quarantined
    ]
    note = "Rows that could not be read, are not resolved, and may belong to the period. Their days are days of UTC."
    return Section("Quarantine", note, table(None, columns, rows), "None.")


def _doubted(first: object, last: object) -> str:
    if first is None:
        return f"any day to {last}"
    return f"{first}" if first == last else f"{first} to {last}"


def _verifications(statement: Statement) -> Section:
    columns = (
        *(_ACCOUNT, MARKET, Column("symbol"), Column("verified at"), Column("from", 2), Column("until", 2)),
        *(Column("orders", 3, align_right=True), Column("result", None, MIN_WIDTH, wraps=True)),
    )
    rows = [
        (
            *(one.account, one.market, one.symbol, _moment(one.verified_at), iso(one.start), iso(one.end)),
            *(format_number(one.orders_compared), one.result),
        )
        for one in statement.verifications
    ]
    note = "The newest comparison of each scope with the exchange that covers a part of the period. * is every symbol."
    return Section("Verifications", note, table(None, columns, rows), "No part of the period was ever verified.")


def _reconciliations(statement: Statement) -> Section:
    columns = (
        *(_ACCOUNT, MARKET, Column("days agreed", align_right=True), Column("not checkable", align_right=True)),
        *(Column("disputed", align_right=True), Column("of days", align_right=True), Column("newest at", 1)),
        Column("why", 2, MIN_WIDTH, wraps=True),
    )
    rows = [
        (
            *(one.account, one.market, format_number(one.agreed), format_number(one.not_checkable)),
            *(format_number(one.disputed), format_number(one.days), _moment(one.reconciled_at), one.reasons),
        )
        for one in statement.reconciliations
    ]
    note = "Days of UTC that were held against the list of all orders of the account, a second witness of the exchange."
    return Section("Reconciliations", note, table(None, columns, rows), "No day of the period was ever reconciled.")


def _seals(statement: Statement) -> Section:
    columns = (
        *(_ACCOUNT, MARKET, Column("days sealed", align_right=True), Column("of days", align_right=True)),
        *(Column("newest seal of", 2), Column("made at", 1), Column("digest", None, MIN_WIDTH, wraps=True)),
    )
    rows = [
        (
            *(one.account, one.market, format_number(one.sealed), format_number(one.days)),
            *(one.newest_day, _moment(one.sealed_at), one.digest),
        )
        for one in statement.seals
    ]
    note = (
        "Days of UTC that are sealed. The newest seal vouches for all before it: force-orders db check --seal finds it."
    )
    return Section("Seals", note, table(None, columns, rows), "No day is sealed.")


def _orders(statement: Statement) -> Section:
    columns = (
        *(_ACCOUNT, MARKET, Column("close type"), Column("quote asset"), Column("orders", align_right=True)),
        *(Column("notional", align_right=True), Column("of unknown worth", 1, align_right=True)),
    )
    rows = [
        (*one[:4], format_number(one.orders), format_number(one.notional), format_number(one.unpriced))
        for one in statement.orders
    ]
    note = (
        f"{many(sum(one.orders for one in statement.orders), 'order')} of the period. The notional is the worth of "
        "what was closed, in the quote asset; assets are not added. It is no loss, and fees are not in it."
    )
    return Section("Orders", note, table(None, columns, rows), "No order is stored of the period.")


def _costs(statement: Statement) -> Section:
    columns = (
        *(_ACCOUNT, MARKET, Column("asset"), Column("realised", align_right=True)),
        *(Column("commission", align_right=True), Column("clearance fee", align_right=True)),
        *(Column("total", align_right=True), Column("complete"), Column("why not", 1, MIN_WIDTH, wraps=True)),
    )
    rows = [
        (*one[:3], *map(format_number, one[3:7]), "yes" if one.is_complete else "no", one.incomplete_because)
        for one in statement.costs or ()
    ]
    note = (
        "What the orders of the period changed in the wallet: negative is lost or paid. Assets are not added. "
        "Complete: so is every day of the account in the market, and the fills and clearance fees of all its orders "
        "are stored. Funding and tax are not in it."
    )
    nothing = (
        "Costs are not read: neither fills nor income of these accounts are stored (force-orders backfill --costs)."
        if statement.costs is None
        else "No order is stored of the period."
    )
    return Section("Costs", note, table(None, columns, rows), nothing)


def _export(statement: Statement) -> Section:
    columns = (Column("file", None, MIN_WIDTH), Column("bytes", align_right=True), Column("SHA-256", None, MIN_WIDTH))
    rows = (
        []
        if statement.export is None
        else [(statement.export.name, format_number(statement.export.size), statement.export.sha256)]
    )
    return Section("Export", "The file that goes with this statement.", table(None, columns, rows), "None.")


def _moment(instant: int | None) -> str | None:
    return to_the_second(instant)


_SECTIONS: Sequence[Callable[[Statement], Section]] = (
    _markets,
    _gaps,
    _quarantined,
    _verifications,
    _reconciliations,
    _seals,
    _orders,
    _costs,
    _export,
)
