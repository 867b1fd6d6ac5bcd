"""Archive files in words: what came of each, which there are, and which will be asked for."""

from collections.abc import Sequence

from etl.core.text import many
from etl.core.timeline import DAY, Window, iso
from etl.reporting.layout import Column
from etl.reporting.table import Table, table
from etl.runs.archive_import import ImportResult
from etl.store.archive_files import ArchiveFile

DISAGREEMENTS_SHOWN = 20


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


def quota_line(account: str, market: str, used: int, monthly: int) -> str:
    return f"account {account} {market}: {used} of {monthly} files of the last 31 days used, as far as known here"


def planned_line(account: str, market: str, span: Window) -> str:
    return f"account {account} {market}: {iso(span.start)} to {iso(span.end)}, {span.width / DAY:.0f} days"


def _moment(instant: int | None) -> str:
    return "" if instant is None else iso(instant // 1000 * 1000)


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
