"""Archive files in words: what came of each, which there are, and which will be asked for."""

from collections.abc import Sequence

from etl.core.archive.plan import used
from etl.core.markets import market_named
from etl.core.text import many
from etl.core.timeline import DAY, SECOND, iso
from etl.core.wallets import Wallet
from etl.reporting.layout import Column
from etl.reporting.table import Table, table
from etl.runs.archive_import import ImportResult
from etl.runs.archive_preview import ArchivePlan
from etl.store.archive_files import ArchiveFile

DISAGREEMENTS_SHOWN = 20

_ELSEWHERE = "; files that the web page was asked for count too, and are not known here"


def import_lines(result: ImportResult, *, dry_run: bool = False) -> list[str]:
    """What came of a file, then a line for each order on which it and the API disagree."""
    content, tally = result.content, result.tally
    if result.same_as is not None:
        return [f"{result.name}: imported before, as file {result.same_as}; nothing changed"]
    verb = "would store" if dry_run else "stored"
    kept = f", {result.of_api} stay as the API gave them" if result.of_api else ""
    counted = f"{many(tally.inserted, 'new order')}, {tally.updated} updated, {tally.unchanged} unchanged{kept}"
    lines = [
        f"{result.name}: {many(content.rows, 'row')}, {many(len(content.orders), 'force order')}: {verb} {counted}",
        f"{result.name}: {result.comparison.line}",
        f"{result.name}: {_covered(result)}",
    ]
    disagreed = result.comparison.disagreed
    lines += [f"{result.name}: differs from the API: {line}" for line in disagreed[:DISAGREEMENTS_SHOWN]]
    if len(disagreed) > DISAGREEMENTS_SHOWN:
        lines.append(f"{result.name}: and {many(len(disagreed) - DISAGREEMENTS_SHOWN, 'more difference')}")
    return lines


def _covered(result: ImportResult) -> str:
    if result.archived:
        return f"archived from {iso(result.archived[0].start)} to {iso(result.archived[-1].end)}"
    if not result.content.tells_all:
        return "no time is archived by it: without client order ids an ADL cannot be told from an own order"
    if result.comparison.lacking:
        return "no time is archived by it: it lacks orders that the API has"
    if result.content.is_joined:
        return "no time is archived by it: its rows span more than the year of a file; import each file by itself"
    return "no time is archived by it: its rows bound none"


def files_table(files: Sequence[ArchiveFile]) -> Table:
    columns = (
        *(Column("id"), Column("account", 2, min_width=8), Column("market", 2), Column("from"), Column("to")),
        *(Column("state"), Column("requested", 1), Column("expires", 1), Column("rows"), Column("force orders")),
        Column("error", 1, min_width=20, wraps=True),
    )
    cells = [
        (
            *(file.id, file.account, file.market, iso(file.span.start), iso(file.span.end), file.state.value),
            *(_moment(file.requested_at), _moment(file.expires_at), _count(file.rows), _count(file.forced_orders)),
            file.error or "",
        )
        for file in files
    ]
    return table("archive files", columns, cells)


def quota_lines(files: Sequence[ArchiveFile], now: int) -> list[str]:
    """How much of the quota of each account and market the files have used; `now`: epoch milliseconds."""
    of_wallets: dict[Wallet, list[int]] = {}
    for file in files:
        asked = of_wallets.setdefault(Wallet(file.account, file.market), [])
        asked += [file.requested_at] if file.requested_at is not None else []
    return [
        f"account {wallet}: {len(used(asked, now))} of {archive.monthly} files used in 31 days{_ELSEWHERE}"
        for wallet, asked in sorted(of_wallets.items())
        if (archive := market_named(wallet.market).archive) is not None
    ]


def plan_lines(plan: ArchivePlan) -> list[str]:
    """What will be asked for, gone on with and left."""
    lines = [*plan.without]
    for one in plan.wallets:
        named = f"account {one.wallet}"
        lines += [f"{named}: goes on with the file of {file.span} ({file.state})" for file in one.under_way]
        asked, later = one.to_ask[: one.asks], one.to_ask[one.asks :]
        lines += [f"{named}: will ask for {span}, {many(round(span.width / DAY), 'day')}" for span in asked]
        if later:
            room = f"the quota has room at {iso(one.next_room_at // SECOND * SECOND)}"
            lines.append(f"{named}: {many(len(later), 'older file')} must wait; {room}")
        for file in one.in_vain:
            lines.append(f"{named}: the file of {file.span} gave nothing: {file.error or 'no answer came'}")
        if not (one.to_ask or one.under_way):
            lines.append(
                f"{named}: nothing to ask for: all of that span is proven, archived or still kept by the API, which "
                "'force-orders backfill' reads"
            )
        lines.append(f"{named}: {one.used} of {one.monthly} files used in 31 days{_ELSEWHERE}")
    return lines


def _moment(instant: int | None) -> str:
    return "" if instant is None else iso(instant // SECOND * SECOND)


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
