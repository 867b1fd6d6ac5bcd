"""A statement of completeness as text for a terminal: what the page says, without its colours."""

from collections.abc import Iterator

from etl.core.completeness import DayState
from etl.core.statement import LETTERS, PROVEN_MEANS, Month, Statement, calendars
from etl.core.text import printable
from etl.reporting.statement_sections import (
    SIGNATURE,
    TITLE,
    WORDS,
    calendar_title,
    facts,
    legend,
    sections,
    unknown_accounts,
)
from etl.reporting.table import Table

NOTHING_TO_SHOW = "\u00b7"
"""A day of the month that is not in the period."""


def statement_parts(statement: Statement, statement_id: str) -> Iterator[str | Table]:
    """Lines and tables from top to bottom."""
    verdict = statement.verdict
    yield f"{TITLE}: {WORDS[verdict.is_complete].lower()}"
    yield printable(verdict.line)
    yield ""
    for name, value in facts(statement, statement_id):
        yield f"{name:<10}{printable(value)}"
    yield from _calendar(statement)
    markets, *others = sections(statement)
    for section in (markets, None, *others):
        yield ""
        if section is None:
            yield "What proven means"
            yield from (f"{number}. {sentence}" for number, sentence in enumerate(PROVEN_MEANS, start=1))
            continue
        yield section.title
        yield section.note
        yield section.table if section.table.rows else section.nothing
    yield ""
    yield from (f"{line + ':':<16}{'_' * 40}" for line in SIGNATURE)


def _calendar(statement: Statement) -> Iterator[str]:
    yield from ("", "Calendar")
    yield from (f"Nothing is known of {printable(name)}." for name in unknown_accounts(statement))
    for calendar in calendars(statement.days):
        yield ""
        yield printable(calendar_title(calendar))
        yield from (f"{month.name} {_letters(month)}" for month in calendar.months(statement.period))
    yield ""
    yield from (f"{letter} {meaning}" for letter, _, meaning in legend(statement))


def _letters(month: Month) -> str:
    return "".join(LETTERS[cell] if isinstance(cell, DayState) else cell or NOTHING_TO_SHOW for cell in month.cells)
