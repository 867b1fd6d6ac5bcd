"""Statements of completeness as values, fabricated."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from etl.core.completeness import CalendarDay, DayState
from etl.core.statement import (
    CostLine,
    ExportFile,
    GapLine,
    MarketLine,
    OrderLine,
    Origin,
    QuarantinedLine,
    ReconciliationLine,
    SealLine,
    Statement,
    VerificationLine,
    stated_period,
)

AT = 1_790_000_000_000
DIGEST = "ab" * 32


def proven(account: str, market: str, first: str, last: str, **states: DayState) -> list[CalendarDay]:
    """Every day proven but for those of `states`, as d2026_09_05."""
    return [
        CalendarDay(account, market, day, states.get(f"d{day:%Y_%m_%d}", DayState.PROVEN))
        for day in stated_period(first, last).days()
    ]


def stated(accounts: Sequence[str] = ("main",), **changes: Any) -> Statement:
    """September 2026, proven, with a line of each kind."""
    account = accounts[0] if accounts else "main"
    made = Statement(
        accounts=accounts,
        period=stated_period("2026-09", "2026-09"),
        zone="UTC",
        starts_at=AT,
        ends_at=AT + 30 * 86_400_000,
        days=[day for name in accounts for day in proven(name, "usdm", "2026-09", "2026-09")],
        markets=[
            MarketLine(account, "usdm", "read", True, None, None, None, AT, AT, AT),
            MarketLine(account, "coinm", "closed", False, "gone", AT, AT + 1, AT, None, None),
            MarketLine(account, "margin", None, None, None, None, None, None, None, None),
        ],
        gaps=[GapLine(account, "usdm", "*", AT, AT + 1, "failed")],
        quarantined=[QuarantinedLine(account, "usdm", 7, "price is no number", AT, None, date(2026, 9, 3))],
        verifications=[VerificationLine(account, "usdm", "*", 1, AT, AT, AT + 1, 12_345, 0, 0, 0, 0, None, False)],
        reconciliations=[ReconciliationLine(account, "usdm", 30, 28, 1, 1, AT, "BTCUSDT 42 missing")],
        seals=[SealLine(account, "usdm", 30, 12, date(2026, 9, 12), AT, DIGEST)],
        orders=[
            OrderLine(account, "usdm", "ADL", "USDT", 12_345, Decimal("98765432109876543210.123456789"), 2),
            OrderLine(account, "usdm", "UNKNOWN", None, 1, None, 1),
        ],
        costs=[
            CostLine(
                *(account, "usdm", "USDT", Decimal("-1234.5678901"), Decimal("-0.25"), None, Decimal("-1234.8178901")),
                *(False, "2 orders: fills not read"),
            ),
        ],
        export=ExportFile("orders.csv", 1_234, DIGEST),
        origin=Origin(AT, "2026-09-21 13:33:20", "auditee", "host", "1.2.3", "0022", "16.1"),
    )
    return replace(made, **changes)
