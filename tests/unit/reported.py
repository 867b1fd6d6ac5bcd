"""What a page is made of: the data of a report as JSON carries them, fabricated by seed."""

from datetime import UTC, date, datetime, timedelta
from itertools import product
from random import Random
from typing import Any

from etl.core.completeness import CalendarDay, DayState, Period
from etl.reporting.choice_verdicts import judge_choices

GENERATED = datetime(2026, 9, 30, 12, tzinfo=UTC)
DAYS = 90
CLOSE_TYPES = ["LIQUIDATION", "ADL", "SETTLEMENT", "UNKNOWN"]
NOT_COMPLETE = "not complete: 2026-07-02..2026-09-30 (UTC): main usdm partly 2026-09-30"
HOSTILE_ACCOUNT = "<img src=x onerror=alert(1)>"
HOSTILE_SYMBOL = "</script><script>alert(1)</script>"


def time_of(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def empty(**changes: Any) -> dict[str, Any]:
    """Of a database that nothing was ever stored in."""
    return {
        "generated_at": time_of(GENERATED),
        "since": time_of(GENERATED - timedelta(days=DAYS)),
        "until": time_of(GENERATED),
        "time_zone": "UTC",
        "retention_days": 90,
        "accounts": [],
        "markets": [],
        "symbols": [],
        "quote_assets": [],
        "close_types": CLOSE_TYPES,
        "verdicts": [[None, None, False, "not complete: nothing is stored, and no account is set"]],
        "daily": [],
        "improvements": {"bin_bps": 5, "rows": []},
        "hours": [],
        "cascades": [],
        "coverage": [],
        "day_starts": {f"{day}": f"{day}T00:00:00.000Z" for day in map(_day_before, range(DAYS + 1))},
        "costs": [],
        "cost_states": [],
        "largest": [],
    } | changes


def _day_before(days: int) -> date:
    return GENERATED.date() - timedelta(days=days)


def covered(account: int, gaps: dict[int, tuple[str, str | None]] | None = None, market: int = 0) -> list[list[Any]]:
    """The days of an account in a market, all proven but for `gaps`: days before today → coverage and reasons."""
    states = {0: ("partly", None)} | (gaps or {})
    return [
        [account, market, f"{GENERATED.date() - timedelta(days=ago)}", *states.get(ago, ("proven", None)), 0]
        for ago in range(DAYS, -1, -1)
    ]


def of_two_assets() -> dict[str, Any]:
    """Of two cascades with the same amount of USDT, the first of which has USDC besides."""
    data = one_order()
    started = ["2026-09-01T02:00:00.000Z", "2026-09-01T03:00:00.000Z"]
    amounts = [{"USDC": "5.00", "USDT": "60000"}, {"USDT": "60000"}]
    return data | {
        "quote_assets": ["USDC", "USDT"],
        "daily": [[0, 0, 0, 1, 0, "2026-09-01", 3, "120000"], [0, 0, 0, 0, 0, "2026-09-01", 1, "5.00"]],
        "cascades": [[0, 0, at, 1.5, 2, 1, of_it, 1] for at, of_it in zip(started, amounts, strict=True)],
    }


def one_order() -> dict[str, Any]:
    """Of an account that was liquidated once, in a covered history."""
    day = "2026-09-01"
    sold = ["1.000", "61234.50", "61234.50000000"]
    return empty(
        accounts=["main"],
        markets=["usdm"],
        symbols=["BTCUSDT"],
        quote_assets=["USDT"],
        daily=[[0, 0, 0, 0, 0, day, 1, "61234.50000000"]],
        improvements={"bin_bps": 5, "rows": [[0, 0, 0, 0, 0, 10, 1]]},
        hours=[[0, 0, 0, 0, 0, 1, 2, 1]],
        coverage=[[*row[:5], 1 if row[2] == day else 0] for row in covered(0)],
        verdicts=[[at, of, False, NOT_COMPLETE] for at in (None, 0) for of in (None, 0)],
        costs=[
            [0, 0, 0, 0, 0, "2026-09", "BNB", None, "-0.01", None],
            [0, 0, 0, 0, 0, "2026-09", "USDT", "-300.25", None, "-10"],
        ],
        cost_states=[[0, 0, 0, 0, 0, "2026-09", None, 1]],
        largest=[
            [
                0,
                0,
                "BTCUSDT",
                "42",
                f"{day}T02:03:04.567Z",
                "LIQUIDATION",
                "LONG",
                *sold,
                "USDT",
                "12.34",
                {"BNB": "-0.01", "USDT": "-310.25"},
            ],
        ],
    )


def rich(
    accounts: tuple[str, ...] = ("main", "second"),
    symbols: tuple[str, ...] = (),
    seed: int = 6,
    markets: tuple[str, ...] = ("usdm",),
) -> dict[str, Any]:
    """Of 90 days, two accounts and four symbols of two quote assets in each market, with gaps of every kind."""
    draw = Random(seed)
    names = symbols or ("BTCUSDC", "BTCUSDT", "ETHUSDT", "币安人生USDT")
    assets = [0 if "USDC" in name else 1 for name in names]
    gaps: dict[int, dict[int, tuple[str, str | None]]] = {
        0: {85: ("not", "failed"), 84: ("not", "failed"), 60: ("partly", "saturated"), 30: ("not", "not_fetched")},
        1: {90: ("not", "beyond_retention"), 89: ("partly", "not_fetched"), 12: ("not", "not_fetched")},
    }
    data = empty(accounts=list(accounts), markets=list(markets), symbols=list(names), quote_assets=["USDC", "USDT"])
    for account, market in product(range(len(accounts)), range(len(markets))):
        days = {row[2]: row for row in covered(account, gaps.get(account), market)}
        data["coverage"] += days.values()
        for day, row in days.items():
            if row[3] != "not" and draw.random() < 0.7:
                row[5] = _day(data, draw, (account, market), day, names, assets)
    data["largest"].sort(key=lambda row: -float(row[9] or 0))
    data["cascades"].sort(key=lambda row: row[2])
    _add_costs(data, Random(seed))
    data["verdicts"] = verdicts_of(data)
    return with_rows_alike_together(data)


def with_rows_alike_together(data: dict[str, Any]) -> dict[str, Any]:
    """As a report has them."""
    for rows in (data["daily"], data["improvements"]["rows"], data["hours"], data["costs"], data["cost_states"]):
        rows.sort(key=lambda row: row[:5])
    data["largest"].sort(key=lambda row: (row[0], row[1], row[2], row[5]))
    return data


def verdicts_of(data: dict[str, Any]) -> list[list[Any]]:
    """What `force-orders complete` says of each choice."""
    days = [
        CalendarDay(data["accounts"][row[0]], data["markets"][row[1]], date.fromisoformat(row[2]), DayState(row[3]))
        for row in data["coverage"]
    ]
    period = Period(min(one.day for one in days), max(one.day for one in days))
    found = judge_choices(days, period, data["time_zone"], data["accounts"])
    places = {None: None} | {name: n for kind in ("accounts", "markets") for n, name in enumerate(data[kind])}
    return [[places[one.account], places[one.market], *one.verdict] for one in found]


def _add_costs(data: dict[str, Any], draw: Random) -> None:
    """Of a month's orders all but the oldest month's are known; the fees are paid in BNB."""
    months: dict[tuple[int, ...], dict[str, int]] = {}
    for *chosen, day, orders, _ in data["daily"]:
        own = months.setdefault((*chosen,), {})
        own[day[:7]] = own.get(day[:7], 0) + orders
    for chosen_of, by_month in months.items():
        for month, orders in by_month.items():
            is_known = month > "2026-07"
            data["cost_states"].append([*chosen_of, month, None if is_known else "fills beyond retention", orders])
            if is_known:
                lost, fee = -draw.lognormvariate(6, 1), -draw.random()
                asset = data["quote_assets"][chosen_of[3]]
                data["costs"].append([*chosen_of, month, asset, f"{lost:.8f}", None, f"{30 * fee:.4f}"])
                data["costs"].append([*chosen_of, month, "BNB", None, f"{fee / 40:.8f}", None])
    for row in data["largest"]:
        row.append(
            {"BNB": f"{-draw.random() / 90:.6f}", row[10]: f"{-draw.random() * 900:.4f}"}
            if draw.random() < 0.7
            else None
        )


def _day(
    data: dict[str, Any], draw: Random, wallet: tuple[int, int], day: str, names: tuple[str, ...], assets: list[int]
) -> int:
    """Adds the orders of a day, and says how many they are."""
    stored = 0
    for symbol, name in enumerate(names):
        for kind in draw.sample(range(4), draw.choice([0, 1, 1, 2])):
            orders = 1 + int(draw.paretovariate(1.1) if kind == 0 else draw.random() * 3) % 60
            amount = f"{draw.lognormvariate(9, 1.4):.8f}"
            chosen = [*wallet, symbol, assets[symbol], kind]
            data["daily"].append([*chosen, day, orders, amount])
            hour = int(draw.gauss(14, 5)) % 24
            data["hours"].append([*chosen, date.fromisoformat(day).weekday(), hour, orders])
            for _ in range(orders):
                data["improvements"]["rows"].append([*chosen, 5 * int(draw.gauss(20, 6) // 1), 1])
            started = f"{day}T{hour:02}:{draw.randrange(60):02}:{draw.randrange(60):02}.{draw.randrange(1000):03}Z"
            asset = data["quote_assets"][assets[symbol]]
            order = [*wallet, name, f"{draw.randrange(10**11)}", started, CLOSE_TYPES[kind], "LONG"]
            sold = [f"{draw.random() * 3:.3f}", f"{draw.random() * 60_000:.2f}", amount]
            data["largest"].append([*order, *sold, asset, f"{draw.gauss(12, 30):.2f}"])
            if orders > 1:
                worth = [1 + orders // 9, {asset: amount}, 1 + orders // 4]
                data["cascades"].append([*wallet, started, draw.random() * 300, orders, *worth])
            stored += orders
    return stored
