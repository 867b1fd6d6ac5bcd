"""Statements of completeness as a user makes them, and what a person reads in their page."""

import json
import re
from html import unescape
from typing import Any

import psycopg

from tests.command import Command

AUGUST = ("--from", "2026-08-01", "--until", "2026-08-31")
"""The month that `lab.ask` proves."""


def change(database_url: str, statement: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(statement.encode())


def told(state: Command, *words: str, **environment: str) -> tuple[int, dict[str, Any], str, str]:
    """Exit code, document, page and text of a statement, of which the document and the page are one."""
    done = state("statement", *words, "--out", "s.json", "--out", "s.html", **environment)
    assert done.stderr == ""
    said: dict[str, Any] = json.loads((state.directory / "s.json").read_text())
    page = (state.directory / "s.html").read_text()
    assert done.stdout == f"{said['verdict']}\nwrote s.json, s.html (statement {said['id']})\n"
    plain = state("statement", *words, **environment)
    assert (plain.returncode, plain.stderr) == (done.returncode, "")
    assert said["complete"] == (done.returncode == 0)
    for shown in (plain.stdout, text_of(page)):
        assert said["verdict"] in " ".join(shown.split())
    assert f"Completeness statement {said['id']}" in page
    return done.returncode, said, page, plain.stdout


def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


def cells_of(page: str, title: str) -> list[list[str]]:
    """The rows of a section's table."""
    section = page.partition(f"<h2>{title}</h2>")[2].partition("</section>")[0]
    rows = re.findall(r"<tr>(<td.*?)</tr>", section)
    return [[text_of(cell) for cell in re.findall(r"<td.*?</td>", row)] for row in rows]


def quarantine(database_url: str) -> None:
    change(
        database_url,
        "INSERT INTO quarantined_orders (account, market, raw, reason, run_id, seen_at) VALUES ('main', 'usdm',"
        """ '{"time": 1786017600000, "secret": "raw"}', 'price is no number', 1, '2026-08-10Z')""",
    )
