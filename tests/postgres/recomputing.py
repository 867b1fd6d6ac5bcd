"""What every report view must say of a history, worked out again from plain values: without SQL and without our code.

An order is a dictionary of the columns of `force_orders`, an instant is an aware datetime, an interval is a pair of
instants that leaves out its end. Time zones are those of the standard library. Decimals are exact if the context of the
caller has digits enough.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
Interval = tuple[datetime, datetime]
MILLISECOND = timedelta(milliseconds=1)
PAUSE = timedelta(minutes=1)
ASSETS = {"ETHUSDC": ("ETH", "USDC"), "ODDCOIN": (None, None), "ETHUSD_PERP": ("ETH", "USD"), "BNBBTC": ("BNB", "BTC")}
"""Base and quote asset of symbols that the exchange never listed, as a person reads them."""
KEY = ("account", "market", "symbol", "order_id")


@dataclass
class History:
    """Everything that is stored."""

    orders: list[Row]
    instruments: dict[tuple[str, str], Row]
    """By market of the listing and symbol."""
    coverage: dict[tuple[str, str, str], Row]
    """By account, market and symbol: asked_since, and the intervals proven, failed and beyond_retention."""
    unreadable: list[Row]
    """Rows in quarantine, each with the days of UTC to which it may belong."""
    fills: list[Row] = field(default_factory=list)
    checked: set[tuple[str, ...]] = field(default_factory=set)
    """The keys of the orders whose fills are all stored."""
    income: list[Row] = field(default_factory=list)
    fees_proven: dict[tuple[str, str], list[Interval]] = field(default_factory=dict)
    mark_prices: dict[tuple[str, str, datetime], Decimal] = field(default_factory=dict)


def rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def total(values: Iterable[Decimal | None]) -> Decimal | None:
    """None where no value is known."""
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known else None


def grouped(rows: Iterable[Row], key: Callable[[Row], tuple[Any, ...]]) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def day_of(instant: datetime, zone: str = "UTC") -> date:
    return instant.astimezone(ZoneInfo(zone)).date()


def whole_day(day: date, zone: str = "UTC") -> Interval:
    """Its instants: 23 or 25 hours, or half of one more or less, where the clocks change."""
    first, last = (datetime(d.year, d.month, d.day, tzinfo=ZoneInfo(zone)) for d in (day, day + timedelta(days=1)))
    return first.astimezone(UTC), last.astimezone(UTC)


def holds(known: Sequence[Interval], whole: Interval) -> bool:
    """Whether the intervals hold all of it. They are apart from each other."""
    return any(start <= whole[0] and whole[1] <= end for start, end in known)


def meets(known: Sequence[Interval], whole: Interval) -> bool:
    return any(start < whole[1] and whole[0] < end for start, end in known)


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def without(intervals: Sequence[Interval], taken: Sequence[Interval]) -> list[Interval]:
    left = list(intervals)
    for start, end in taken:
        left = [
            piece for a, b in left for piece in ((a, min(b, start)), (max(a, end), b)) if piece[0] < piece[1]
        ]  # fmt: skip
    return left


def force_orders(history: History, orders: Sequence[Row]) -> list[Row]:
    return [_force_order(history, order) for order in orders]


def _force_order(history: History, o: Row) -> Row:
    listed = history.instruments.get((o["market"].removeprefix("pm-"), o["symbol"]), {})
    base, quote = ASSETS.get(o["symbol"], (None, None))
    base, quote = listed.get("base_asset") or base, listed.get("quote_asset") or quote
    is_coin = o["market"].endswith("coinm")
    margin = None if o["market"].endswith("margin") else listed.get("margin_asset") or (base if is_coin else quote)
    price, average = o["price"] or None, o["avg_price"] or None
    better = {"SELL": 1, "BUY": -1}.get(o["side"])
    improvement = None
    if better and price and average:
        improvement = rounded(better * (average - price) * 10_000 / price, 2)
    closed = (
        o["position_side"] if o["position_side"] in ("LONG", "SHORT") else {1: "LONG", -1: "SHORT"}.get(better or 0)
    )
    ordered, filled = o["orig_qty"], o["executed_qty"]
    return {
        **{name: o[name] for name in (*KEY, "close_type", "side", "order_time", "update_time", "status")},
        "position_closed": closed,
        "quantity_ordered": ordered,
        "quantity_filled": filled,
        "fill_ratio": rounded(filled / ordered, 6) if ordered and filled is not None else None,
        "price": price,
        "average_price": average,
        "improvement_bps": improvement,
        "notional": _notional(o, listed.get("contract_size"), is_coin),
        "quote_asset": quote,
        "base_asset": base,
        "margin_asset": margin,
        "coin_notional": o["cum_base"] if is_coin else None,
        "pair": o["pair"] or listed.get("pair"),
        **{name: listed.get(name) for name in ("contract_type", "contract_size", "delivery_at")},
        **{name: o[name] for name in ("is_isolated", "order_time_source", "source", "changed_at", "first_seen_at")},
        **{name: o[name] for name in ("client_order_id", "position_side")},
    }


def _notional(o: Row, size: Decimal | None, is_coin: bool) -> Decimal | None:
    filled: Decimal | None = o["executed_qty"]
    average: Decimal | None = o["avg_price"]
    quote: Decimal | None = o["cum_quote"]
    if filled and not average and not quote:
        quote = average = None  # filled at a price that nobody said
    if is_coin:
        return filled * size if filled is not None and size is not None else quote
    if quote is not None:
        return quote
    return filled * average if filled is not None and average is not None else None


def daily(orders: Sequence[Row]) -> list[Row]:
    """Of rows of report_force_orders."""
    names = ("account", "market", "symbol", "close_type", "quote_asset", "base_asset", "margin_asset")
    found = []
    for key, own in grouped(orders, lambda o: (day_of(o["order_time"]), *(o[name] for name in names))).items():
        judged = [o for o in own if o["improvement_bps"] is not None and o["notional"] is not None]
        weight = total(o["notional"] for o in judged)
        mean = total(o["improvement_bps"] * o["notional"] for o in judged)
        improvement = rounded(mean / weight, 2) if mean is not None and weight else None
        left = [(o["quantity_ordered"], o["quantity_filled"]) for o in own]
        found.append(
            {
                **dict(zip(("day", *names), key, strict=True)),
                "orders": len(own),
                "quantity_filled": total(o["quantity_filled"] for o in own),
                "notional": total(o["notional"] for o in own),
                "improvement_bps": improvement,
                "largest_notional": max((o["notional"] for o in own if o["notional"] is not None), default=None),
                "quantity_unfilled": total(max(a - b, Decimal(0)) for a, b in left if None not in (a, b)),
                "coin_notional": total(o["coin_notional"] for o in own),
            }
        )
    return found


def symbols(history: History, orders: Sequence[Row], now: datetime) -> list[Row]:
    found = []
    for (_, market, symbol), own in grouped(orders, lambda o: (o["account"], o["market"], o["symbol"])).items():
        recent = [o for o in own if o["order_time"] >= now - timedelta(days=30)]

        def share(some: Sequence[Row]) -> Decimal | None:
            adl = sum(o["close_type"] == "ADL" for o in some)
            return rounded(Decimal(adl) / len(some), 4) if some else None

        listed = history.instruments.get((market.removeprefix("pm-"), symbol), {})
        found.append(
            {
                **{name: own[0][name] for name in ("account", "market", "symbol", "quote_asset", "base_asset")},
                **{name: own[0][name] for name in ("margin_asset", "contract_type", "delivery_at")},
                "orders": len(own),
                "notional": total(o["notional"] for o in own),
                "coin_notional": total(o["coin_notional"] for o in own),
                "adl_share": share(own),
                "first_order_at": min(o["order_time"] for o in own),
                "last_order_at": max(o["order_time"] for o in own),
                "orders_30d": len(recent),
                "notional_30d": total(o["notional"] for o in recent) or Decimal(0),
                "adl_share_30d": share(recent),
                "is_listed": listed.get("is_listed"),
            }
        )
    return found


def cascades(orders: Sequence[Row]) -> list[Row]:
    found = []
    for (account, market), own in grouped(orders, lambda o: (o["account"], o["market"])).items():
        for burst in _bursts(sorted(own, key=lambda o: o["order_time"])):
            by_asset = grouped(burst, lambda o: (o["quote_asset"],))
            sums = {asset or "unknown": total(o["notional"] for o in some) for (asset,), some in by_asset.items()}
            start, end = burst[0]["order_time"], burst[-1]["order_time"]
            found.append(
                {
                    "account": account,
                    "market": market,
                    "started_at": start,
                    "ended_at": end,
                    "duration": end - start,
                    "orders": len(burst),
                    "symbols": len({o["symbol"] for o in burst}),
                    "notional": total(o["notional"] for o in burst),
                    "quote_assets": ", ".join(sorted(asset for (asset,) in by_asset if asset)) or None,
                    "peak_orders_per_second": max(
                        Counter(o["order_time"].replace(microsecond=0) for o in burst).values()
                    ),
                    "notional_by_asset": sums,
                }
            )
    return found


def _bursts(orders: Sequence[Row]) -> Iterator[list[Row]]:
    burst: list[Row] = []
    for order in orders:
        if burst and order["order_time"] - burst[-1]["order_time"] > PAUSE:
            yield burst
            burst = []
        burst.append(order)
    if burst:
        yield burst


def slippage(history: History, orders: Sequence[Row]) -> list[Row]:
    found = []
    for o in orders:
        minute = o["order_time"].replace(second=0, microsecond=0)
        mark = history.mark_prices.get((o["market"].removeprefix("pm-"), o["symbol"], minute))
        if mark is None or o["average_price"] is None:
            continue
        worse = {"SELL": mark - o["average_price"], "BUY": o["average_price"] - mark}.get(o["side"])
        bps = None if worse is None else rounded(worse * 10_000 / mark, 2)
        names = (*KEY, "close_type", "side", "order_time", "average_price")
        found.append({name: o[name] for name in names} | {"mark_price_at_order": mark, "slippage_bps": bps})
    return found
