"""A statement of completeness as one page without scripts, which loads nothing and prints on A4."""

import base64
import hashlib
import re
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from string import Template

from etl.core.completeness import DayState, Verdict
from etl.core.statement import LETTERS, NO_MARKET, PROVEN_MEANS, Calendar, Month, Statement, calendars
from etl.core.text import printable
from etl.reporting.statement_sections import (
    SIGNATURE,
    TITLE,
    WORDS,
    Section,
    calendar_title,
    facts,
    legend,
    sections,
    unknown_accounts,
)
from etl.reporting.table import Table

DAYS_OF_A_MONTH = 31
_DATE = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}[0-9TZ:.-]*")


def statement_page(statement: Statement, statement_id: str) -> str:
    """The page as text, to be encoded as UTF-8. Every text in it is escaped, whoever wrote it."""
    style = Template(_source("statement.css")).substitute(id=statement_id)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    verdict = statement.verdict
    markets, *others = sections(statement)
    return Template(_source("statement.html")).substitute(
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        style=style,
        title=f"{TITLE}, {statement.period.first} to {statement.period.last}",
        heading=TITLE,
        verdict="complete" if verdict.is_complete else "incomplete",
        word=WORDS[verdict.is_complete],
        sentence=_sentence(verdict),
        facts="\n".join(
            f"<div><dt>{name}</dt><dd>{_text(value)}</dd></div>" for name, value in facts(statement, statement_id)
        ),
        legend="\n".join(
            f'<li><b class="{_class(state)}">{letter}</b> {_text(meaning)}</li>'
            for letter, state, meaning in legend(statement)
        ),
        calendars="\n".join(_calendar(one, one.months(statement.period)) for one in calendars(statement.days)),
        unknown="\n".join(f"<p>Nothing is known of {_text(name)}.</p>" for name in unknown_accounts(statement)),
        markets=_section(markets),
        proven="\n".join(f"<li>{_text(sentence)}</li>" for sentence in PROVEN_MEANS),
        sections="\n".join(map(_section, others)),
        signature="\n".join(f"<div><span></span>{line}</div>" for line in SIGNATURE),
    )


def _sentence(verdict: Verdict) -> str:
    """Each account and market that is at fault on a line of its own."""
    parts = [verdict.line] if verdict.is_complete else re.split("(?<=;) ", verdict.line)
    return "\n".join(f"<span>{_text(part)}</span>" for part in parts)


def _calendar(calendar: Calendar, months: Iterable[Month]) -> str:
    head = "".join(f'<th scope="col">{day}</th>' for day in range(1, DAYS_OF_A_MONTH + 1))
    rows = "\n".join(f'<tr><th scope="row">{month.name}</th>{"".join(_cells(month))}</tr>' for month in months)
    return (
        f'<table class="calendar">\n<caption>{_text(calendar_title(calendar))}</caption>\n'
        f"<thead><tr><th></th>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    )


def _cells(month: Month) -> Iterable[str]:
    padded = [*month.cells, *[""] * (DAYS_OF_A_MONTH - len(month.cells))]
    for day, cell in enumerate(padded, start=1):
        if not cell:
            yield "<td></td>"
        elif isinstance(cell, DayState):
            yield f'<td class="{_class(cell)}" title="{month.name}-{day:02} {cell}">{LETTERS[cell]}</td>'
        else:
            yield f'<td class="none">{NO_MARKET}</td>'


def _class(state: str) -> str:
    return state.replace(" ", "-")


def _section(section: Section) -> str:
    content = _table(section.table) if section.table.rows else f"<p>{_text(section.nothing)}</p>"
    return (
        f'<section>\n<h2>{_text(section.title)}</h2>\n<p class="note">{_text(section.note)}</p>\n{content}\n</section>'
    )


def _table(of: Table) -> str:
    kinds = [' class="number"' if column.align_right else "" for column in of.columns]
    names = [_text(column.heading) for column in of.columns]
    head = "".join(f'<th scope="col"{kind}>{name}</th>' for kind, name in zip(kinds, names, strict=True))
    rows = "\n".join(
        "<tr>"
        + "".join(
            f'<td{kind} data-label="{name}"><span>{_text(cell)}</span></td>'
            for kind, name, cell in zip(kinds, names, row, strict=True)
        )
        + "</tr>"
        for row in of.rows
    )
    return f'<table class="rows">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>'


def _text(text: str) -> str:
    """Escaped; a date or instant is never broken between two lines."""
    return _DATE.sub(r"<time>\g<0></time>", escape(printable(text)))


def _source(name: str) -> str:
    return (files("etl.reporting") / "statement_page" / name).read_text(encoding="utf-8")
