"""Where a cascade begins and ends: the view's edges, and any times against the obvious scan."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from etl.core.timeline import DAY, HOUR, MINUTE, SECOND, to_datetime, to_millis
from etl.store.orders import upsert
from tests.postgres.samples import page, row

MIDNIGHT = to_millis(datetime(2026, 3, 5, tzinfo=UTC))

Sample = tuple[int, str, str]
"""When, which symbol, which account."""


def write(connection: Connection, *samples: Sample, market: str = "usdm") -> None:
    for account in {account for _, _, account in samples}:
        rows = [
            row(orderId=number, symbol=symbol, time=instant, updateTime=instant, cumQuote="1.1")
            for number, (instant, symbol, owner) in enumerate(samples)
            if owner == account
        ]
        upsert(connection, account, market, 1, page(*rows).orders)
    connection.commit()


def set_pause(connection: Connection, pause: str) -> None:
    connection.execute(text("SELECT set_config('force_orders.cascade_pause', :pause, false)"), {"pause": pause})


def cascades(connection: Connection) -> list[dict[str, Any]]:
    query = text("SELECT * FROM report_cascades ORDER BY account, market, started_at")
    return [dict(one) for one in connection.execute(query).mappings()]


def sizes(connection: Connection) -> list[int]:
    return [one["orders"] for one in cascades(connection)]


def test_every_column_of_a_cascade_across_midnight(connection: Connection) -> None:
    write(
        connection, (MIDNIGHT - 1, "BTCUSDT", "main"), (MIDNIGHT - 1, "ETHUSDC", "main"), (MIDNIGHT, "BTCUSDT", "main")
    )
    assert [{name: str(value) for name, value in one.items()} for one in cascades(connection)] == [
        {
            "account": "main",
            "market": "usdm",
            "started_at": str(to_datetime(MIDNIGHT - 1)),
            "ended_at": str(to_datetime(MIDNIGHT)),
            "duration": "0:00:00.001000",
            "orders": "3",
            "symbols": "2",
            "notional": "3.3",
            "quote_assets": "USDC, USDT",
            "peak_orders_per_second": "2",
            "notional_by_asset": str({"USDC": "1.1", "USDT": "2.2"}),
        }
    ]


@pytest.mark.parametrize(
    ("pause", "milliseconds"),
    [
        pytest.param("", MINUTE, id="as it is by default"),
        pytest.param("5 seconds", 5 * SECOND, id="5 seconds"),
        pytest.param("1 hour", HOUR, id="1 hour"),
        pytest.param("PT0.25S", 250, id="a quarter of a second"),
        pytest.param("1 day", DAY, id="1 day"),
        pytest.param("0", 0, id="none"),
    ],
)
def test_a_pause_holds_a_cascade_together_and_a_millisecond_more_ends_it(
    connection: Connection, pause: str, milliseconds: int
) -> None:
    second, third = MIDNIGHT + milliseconds, MIDNIGHT + 2 * milliseconds + 1
    write(connection, *((instant, "BTCUSDT", "main") for instant in (MIDNIGHT, second, third)))
    if pause:
        set_pause(connection, pause)
    assert sizes(connection) == [2, 1]


def test_orders_of_one_millisecond_are_one_cascade_whatever_the_pause(connection: Connection) -> None:
    write(connection, *((MIDNIGHT, f"S{n % 3}USDT", "main") for n in range(7)))
    set_pause(connection, "0")
    (one,) = cascades(connection)
    assert (one["orders"], one["symbols"], one["duration"]) == (7, 3, timedelta(0))
    assert one["peak_orders_per_second"] == 7


def test_a_second_of_the_clock_ends_with_it(connection: Connection) -> None:
    write(connection, *((MIDNIGHT + instant, "BTCUSDT", "main") for instant in (0, 998, 999, 1000, 1001)))
    (one,) = cascades(connection)
    assert (one["orders"], one["peak_orders_per_second"]) == (5, 3)


def test_accounts_and_markets_have_cascades_of_their_own(connection: Connection) -> None:
    write(
        connection, (MIDNIGHT, "BTCUSDT", "main"), (MIDNIGHT + 1, "BTCUSDT", "hedge"), (MIDNIGHT + 2, "BTCUSDT", "main")
    )
    write(connection, (MIDNIGHT + 1, "BTCUSD_PERP", "main"), market="coinm")
    assert [(one["account"], one["market"], one["orders"]) for one in cascades(connection)] == [
        ("hedge", "usdm", 1),
        ("main", "coinm", 1),
        ("main", "usdm", 2),
    ]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_pause_of_a_day_is_24_hours_where_the_clocks_change_as_well(connection: Connection, zone: str) -> None:
    before = to_millis(datetime(2024, 11, 2, 12, tzinfo=UTC))  # New York's next day has 25 hours
    times = (before, before + DAY + HOUR // 2, before + 2 * DAY + HOUR // 2)
    write(connection, *((instant, "BTCUSDT", "main") for instant in times))
    connection.execute(text("SELECT set_config('timezone', :zone, false)"), {"zone": zone})
    set_pause(connection, "1 day")
    assert sizes(connection) == [1, 2]


def scanned(samples: list[Sample], pause: int) -> list[tuple[str, int, int, int, int, int]]:
    """Account, first and last instant, orders, symbols and most orders a second, by going through them in order."""
    groups: list[list[Sample]] = []
    for sample in sorted(samples, key=lambda one: (one[2], one[0])):
        if groups and groups[-1][-1][2] == sample[2] and sample[0] - groups[-1][-1][0] <= pause:
            groups[-1].append(sample)
        else:
            groups.append([sample])
    return [
        (
            group[0][2],
            group[0][0],
            group[-1][0],
            len(group),
            len({symbol for _, symbol, _ in group}),
            max(Counter(instant // SECOND for instant, _, _ in group).values()),
        )
        for group in groups
    ]


samples = st.tuples(
    st.integers(MIDNIGHT - 3 * SECOND, MIDNIGHT + 3 * SECOND),
    st.sampled_from(["BTCUSDT", "ETHUSDT", "LINKUSDC"]),
    st.sampled_from(["main", "hedge"]),
)


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.lists(samples, max_size=25), pause=st.sampled_from([0, 1, 40, 250, 1000]))
def test_any_orders_fall_into_the_cascades_that_a_scan_finds(
    connection: Connection, drawn: list[Sample], pause: int
) -> None:
    connection.execute(text("TRUNCATE force_orders"))
    write(connection, *drawn)
    set_pause(connection, f"{pause} milliseconds")
    columns = ("orders", "symbols", "peak_orders_per_second")
    assert [
        (one["account"], to_millis(one["started_at"]), to_millis(one["ended_at"]), *(one[name] for name in columns))
        for one in cascades(connection)
    ] == scanned(drawn, pause)
