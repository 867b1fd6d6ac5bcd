"""`db check`: whether the database still holds what the runs stored. Asks no exchange and changes nothing."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, text

from etl.core.agreement import differing_columns
from etl.core.archive.agreement import differing_archived
from etl.core.seals import Content, Seal, canonical, first_broken_link, row_of
from etl.core.text import many
from etl.errors import ConfigError, ExitCode
from etl.runs.summary import Progress, Watcher, unwatched
from etl.store import laws, seals, stored_orders
from etl.store.engine import store_errors
from etl.store.seals import StoredSeal

DAYS_AT_ONCE = 31
"""Days that are read in one query."""


@dataclass
class Check:
    """A sentence that should be true of the database, and what was found."""

    sentence: str
    checked: str | None = None
    """What was looked at, as a number with a noun."""
    wrong: int = 0
    """In how many cases it is not true."""
    first: str | None = None
    """The first such case."""

    def fails(self, case: str) -> None:
        self.wrong += 1
        self.first = self.first or case


@dataclass(frozen=True)
class DatabaseCheck:
    """All checks, and the newest seal of each account and market that was checked."""

    checks: Sequence[Check]
    newest: Sequence[StoredSeal]

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.FAILED if any(check.wrong for check in self.checks) else ExitCode.DONE


def check_database(
    connection: Connection, accounts: Collection[str] = (), noted: Collection[str] = (), watch: Watcher = unwatched
) -> DatabaseCheck:
    """Check these accounts; without any, all. `noted`: seals written down earlier, by their first or all hex digits.

    Reads one snapshot, so a run may work at the same time. Raises StoreError, and ConfigError for an account that the
    database does not know.
    """
    with store_errors():
        connection.rollback()
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        scopes = [scope for scope in stored_orders.scopes(connection) if not accounts or scope[0] in accounts]
        if unknown := sorted(set(accounts) - {account for account, _ in scopes}):
            raise ConfigError(f"the database has no account {unknown[0]}")
        of_laws = [Check(law, None, *found) for law, found in laws.broken(connection, accounts).items()]
        chains = [seals.chain(connection, *scope) for scope in scopes]
        of_orders = _check_orders(connection, dict(zip(scopes, chains, strict=True)), watch)
        connection.rollback()
    return DatabaseCheck(
        [*of_laws, *of_orders, _check_chains(chains), *(_check_noted(chains, digits) for digits in noted)],
        [chain[-1] for chain in chains if chain],
    )


def _check_orders(
    connection: Connection, chains: dict[tuple[str, str], list[StoredSeal]], watch: Watcher
) -> tuple[Check, Check]:
    """One pass over the orders, day by day: their columns, and the content of each sealed day."""
    columns = Check("every column says what the row as received says")
    days = Check("every sealed day holds the orders that were sealed")
    sealed = {scope: {one.seal.day: one.seal for one in chain} for scope, chain in chains.items()}
    batches = [
        (scope, batch)
        for scope, of_scope in sealed.items()
        for batch in _batches(sorted({*of_scope, *stored_orders.days(connection, *scope)}))
    ]
    orders = 0
    for done, (scope, batch) in enumerate(batches):
        watch(Progress(done, len(batches), f"{many(orders, 'order')} checked"))
        contents = {day: Content() for day in batch}
        for order in stored_orders.of_days(connection, *scope, batch):
            orders += 1
            row = row_of(order.raw)
            differs = differing_archived if order.columns["source"] == "archive" else differing_columns
            if differing := differs(order.columns, row):
                symbol, order_id = order.key
                columns.fails(f"{' '.join(scope)} {order.day} {symbol}, order {order_id}: {', '.join(differing)}")
            if order.day in sealed[scope]:
                contents[order.day].add(canonical(order.columns, row))
        for day in batch:
            if (seal := sealed[scope].get(day)) and (difference := _difference(seal, contents[day])):
                days.fails(f"{' '.join(scope)} {day}: {difference}")
    columns.checked = many(orders, "order")
    days.checked = many(sum(map(len, sealed.values())), "day")
    return columns, days


def _difference(seal: Seal, content: Content) -> str | None:
    if seal.orders != content.orders:
        return f"{many(content.orders, 'order')}, but {seal.orders} when it was sealed"
    if seal.content != content.digest:
        return f"{many(content.orders, 'order')} as when it was sealed, but not the same"
    return None


def _check_chains(chains: Sequence[Sequence[StoredSeal]]) -> Check:
    check = Check("every seal follows from the seal before it", many(sum(map(len, chains)), "seal"))
    for chain in chains:
        if broken := first_broken_link(chain):
            seal, why = broken
            check.fails(f"{seal.account} {seal.market} {seal.day}: {why}")
    return check


def _check_noted(chains: Sequence[Sequence[StoredSeal]], digits: str) -> Check:
    check = Check(f"the noted seal {digits} is there")
    if not any(one.digest.startswith(digits) for chain in chains for one in chain):
        check.fails("no seal begins with these digits: seals were removed or made anew since it was noted")
    return check


def _batches(days: Sequence[date]) -> Iterator[Sequence[date]]:
    return (days[i : i + DAYS_AT_ONCE] for i in range(0, len(days), DAYS_AT_ONCE))
