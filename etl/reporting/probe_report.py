"""What a probe found, as a table for its owner and as a document for everybody."""

from collections.abc import Sequence
from typing import Any

from etl.core.identity import host_of
from etl.core.markets import market_named
from etl.core.markets.apis import APIS
from etl.core.text import many
from etl.core.timeline import iso
from etl.reporting.layout import Column
from etl.reporting.table import Table, table
from etl.runs.probing import ProbeReport

COLUMNS = (
    Column("question", min_width=13, wraps=True),
    Column("found", min_width=11, wraps=True),
    Column("evidence", min_width=20, wraps=True),
    Column("guarantee", min_width=20, wraps=True),
)

PUBLIC_HOSTS = frozenset(host_of(api.base_url) for api in APIS)
"""Those of the exchange itself. The name of another, such as a proxy of a company, may tell whose the account is."""

LEGEND = "guarantee: its number in docs/guarantees.md; none rests on an answer"


def probe_table(report: ProbeReport) -> Table:
    """A line for each question; below the tables stands LEGEND."""
    title = f"{report.wallet.account}, {market_named(report.wallet.market).title}"
    return table(title, COLUMNS, ((one.asked, one.answer, one.evidence, one.safeguard) for one in report.findings))


def probe_line(report: ProbeReport) -> str:
    """What stands below the table."""
    asked = sum(finding.is_applicable for finding in report.findings)
    return f"{report.settled} of {asked} settled; {many(report.requests, 'request')} (weight {report.weight})"


def probe_json(reports: Sequence[ProbeReport], version: str) -> dict[str, Any]:
    """The same for programs and for strangers: no account, no time of day, nothing from which an order can be known."""
    return {
        "program": f"force-orders {version}",
        "probes": [
            {
                "market": report.wallet.market,
                "host": report.host if report.host in PUBLIC_HOSTS else "another host",
                "date": iso(report.probed_at)[: len("2026-11-26")],
                "requests": report.requests,
                "weight": report.weight,
                "findings": [
                    {
                        "question": finding.question.value,
                        "asked": finding.asked,
                        "answer": finding.answer.value,
                        "is_settled": finding.is_settled,
                        "evidence": finding.evidence,
                        "guarantee": finding.safeguard,
                    }
                    for finding in report.findings
                ],
            }
            for report in reports
        ],
    }
