"""The data of a page of many accounts and years: orders drawn by seed as accounts have them, and summed up."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.unit import reported

BEGINS = datetime(2024, 10, 1, tzinfo=UTC)
LARGEST = 50
_Order = tuple[int, int, int, datetime, list[Any]]
"""Account, symbol, close type, when, and what the list of the largest says of it from its id on."""


def of_years(accounts: int = 10, days: int = 730, symbols: int = 40, cascades_a_month: float = 1.0) -> dict[str, Any]:
    """A few orders on most days, cascades of a hundred, fees in BNB, all costs known, a gap here and there."""
    names = sorted(f"{stem}{n:02}{'USDC' if n % 5 == 0 else 'USDT'}" for n, stem in enumerate(["COIN"] * symbols))
    data = reported.empty(
        accounts=[f"account{n:02}" for n in range(accounts)],
        markets=["usdm"],
        symbols=names,
        quote_assets=["USDC", "USDT"],
    )
    data |= {"since": reported.time_of(BEGINS), "until": reported.time_of(BEGINS + timedelta(days=days))}
    orders = [order for account in range(accounts) for order in _orders(account, days, names, cascades_a_month)]
    _add_sums(data, orders)
    _add_costs(data, orders)
    stored = Counter((order[0], order[3].date()) for order in orders)
    calendar = [BEGINS.date() + timedelta(days=n) for n in range(days)]
    data["coverage"] = [
        [account, 0, f"{day}", "not" if (day.day, account) == (9, 3) else "proven", None, stored[account, day]]
        for account in range(accounts)
        for day in calendar
    ]
    data["day_starts"] = {f"{day}": f"{day}T00:00:00.000Z" for day in calendar}
    data["verdicts"] = reported.verdicts_of(data)
    return reported.with_rows_alike_together(data)


def _orders(account: int, days: int, names: list[str], cascades_a_month: float) -> Iterator[_Order]:
    draw = Random(account)
    for day in range(days):
        few = draw.choices((0, 1, 2, 3, 5), (25, 35, 22, 12, 6))[0]
        begins = [(draw.randrange(86_400_000), 1) for _ in range(few)]
        if draw.random() < cascades_a_month / 28:
            begins.append((draw.randrange(80_000_000), draw.randint(60, 150)))
        for start, size in begins:
            for _ in range(size):
                start += 0 if draw.random() < 0.3 else int(draw.expovariate(1 / 900))
                at = BEGINS + timedelta(days=day, milliseconds=start)
                symbol = min(int(draw.expovariate(1 / 8)), len(names) - 1)
                amount, price = Decimal(draw.randrange(1, 10**9)) / 1000, Decimal(draw.randrange(10**3, 10**7)) / 100
                cells = [
                    f"{draw.randrange(10**11)}",
                    f"{amount / 100}",
                    f"{price}",
                    f"{amount * price / 10**5:.8f}",
                ]
                yield account, symbol, int(draw.random() < 0.1), at, [*cells, f"{draw.gauss(120, 30):.2f}"]


def _add_sums(data: dict[str, Any], orders: list[_Order]) -> None:
    asset = [data["quote_assets"].index(name[-4:]) for name in data["symbols"]]
    daily: dict[tuple[Any, ...], list[Decimal]] = defaultdict(list)
    bins, hours, bursts = Counter[tuple[Any, ...]](), Counter[tuple[Any, ...]](), defaultdict[Any, list[_Order]](list)
    cells: dict[tuple[Any, ...], list[list[Any]]] = defaultdict(list)
    for account, symbol, kind, at, (order_id, quantity, price, notional, improvement) in orders:
        chosen = (account, 0, symbol, asset[symbol], kind)
        daily[*chosen, f"{at.date()}"].append(Decimal(notional))
        bins[*chosen, 5 * int(float(improvement) // 5)] += 1
        hours[*chosen, at.weekday(), at.hour] += 1
        bursts[account, at.date()].append((account, symbol, kind, at, [notional]))
        quote = data["quote_assets"][asset[symbol]]
        cost = {"BNB": f"-{float(quantity) / 10**9:.8f}", quote: f"-{Decimal(notional) / 400:.8f}"}
        listed = [
            account,
            0,
            data["symbols"][symbol],
            order_id,
            reported.time_of(at),
            reported.CLOSE_TYPES[kind],
            "LONG",
        ]
        cells[chosen].append([*listed, quantity, price, notional, quote, improvement, cost])
    data["daily"] = [[*key, len(own), f"{sum(own)}"] for key, own in daily.items()]
    data["improvements"]["rows"] = [[*key, count] for key, count in bins.items()]
    data["hours"] = [[*key, count] for key, count in hours.items()]
    largest = [row for own in cells.values() for row in sorted(own, key=lambda row: -Decimal(row[9]))[:LARGEST]]
    data["largest"] = sorted(largest, key=lambda row: -Decimal(row[9]))
    for (account, _), own in bursts.items():
        if len(own) > 1:
            worth = {"USDC": f"{len(own) * 7.25}", "USDT": f"{sum(Decimal(order[4][0]) for order in own)}"}
            begins = reported.time_of(own[0][3])
            data["cascades"].append([account, 0, begins, 12.345, len(own), len({one[1] for one in own}), worth, 9])
    data["cascades"].sort(key=lambda row: row[2])


def _add_costs(data: dict[str, Any], orders: list[_Order]) -> None:
    months = Counter[tuple[Any, ...]]()
    for account, symbol, kind, at, _ in orders:
        months[account, 0, symbol, data["quote_assets"].index(data["symbols"][symbol][-4:]), kind, f"{at:%Y-%m}"] += 1
    for key, count in months.items():
        data["cost_states"].append([*key, None, count])
        data["costs"].append([*key, data["quote_assets"][key[3]], f"-{count * 412.83719255:.8f}", None, f"-{count}.25"])
        data["costs"].append([*key, "BNB", None, f"-{count * 0.00182943:.8f}", None])
