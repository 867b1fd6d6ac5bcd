"""The report views in plain Python with exact fractions and without SQL: the slow and obvious way.

Rows are dicts by the names of the views' columns; instants and durations are whole microseconds, numbers fractions.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

from tests.acceptance.lab import DAY, expected_row

Row = dict[str, Any]
Spans = Sequence[tuple[int, int]]
"""Half-open, in epoch milliseconds, and apart from each other."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ENDINGS = ("USDT", "USDC")


def reader_row(account: str, row: Row) -> Row:
    """An exchange row as report_force_orders should show it."""
    known = expected_row(row)
    price, average, ordered, filled, quote = (
        None if row.get(key) is None else Fraction(row[key])
        for key in ("price", "avgPrice", "origQty", "executedQty", "cumQuote")
    )
    side, hedged = row["side"], row.get("positionSide")
    improvement = None
    if side and price and average:
        improvement = half_up((average - price if side == "SELL" else price - average) / price * 10_000, 2)
    if quote is None and filled is not None and average is not None:
        quote = filled * average
    asset = next((name for name in ENDINGS if row["symbol"].split("_")[0].endswith(name)), None)
    return {
        "account": account,
        "market": "usdm",
        "symbol": row["symbol"],
        "order_id": row["orderId"],
        "close_type": known["close_type"],
        "side": side,
        "position_closed": hedged if hedged in ("LONG", "SHORT") else {"SELL": "LONG", "BUY": "SHORT"}.get(side),
        "order_time": known["order_ms"] * 1000,
        "update_time": known["update_ms"] * 1000,
        "status": row["status"],
        "quantity_ordered": ordered,
        "quantity_filled": filled,
        "fill_ratio": half_up(filled / ordered, 6) if ordered and filled is not None else None,
        "price": price or None,
        "average_price": average or None,
        "improvement_bps": improvement,
        "notional": quote,
        "quote_asset": asset,
        "base_asset": row["symbol"].split("_")[0].removesuffix(asset) if asset else None,
        "margin_asset": asset,
        "pair": row.get("pair"),
        "order_time_source": "time",
        "source": "api",
        "client_order_id": row["clientOrderId"],
        "position_side": hedged,
        **dict.fromkeys(("coin_notional", "contract_type", "contract_size", "delivery_at", "is_isolated")),
    }


def half_up(value: Fraction, places: int) -> Fraction:
    """Rounded, a half away from zero."""
    whole = floor(abs(value) * 10**places + Fraction(1, 2))
    return Fraction(whole if value > 0 else -whole, 10**places)


def total(values: Iterable[Fraction | None]) -> Fraction | None:
    """The sum of what there is; None where there is nothing."""
    there = [value for value in values if value is not None]
    return sum(there, Fraction(0)) if there else None


def grouped(rows: Iterable[Row], key: Callable[[Row], tuple[Any, ...]]) -> dict[tuple[Any, ...], list[Row]]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def day_of(microseconds: int) -> date:
    return (EPOCH + timedelta(microseconds=microseconds)).date()


def daily(orders: list[Row]) -> Iterator[Row]:
    names = ("account", "market", "day", "symbol", "close_type", "quote_asset", "base_asset", "margin_asset")
    with_day = [order | {"day": day_of(order["order_time"])} for order in orders]
    for key, group in grouped(with_day, lambda order: tuple(order[name] for name in names)).items():
        weighed = [o for o in group if o["improvement_bps"] is not None and o["notional"] is not None]
        weight = total(o["notional"] for o in weighed)
        weighted = total(o["improvement_bps"] * o["notional"] for o in weighed)
        yield dict(zip(names, key, strict=True)) | {
            "orders": len(group),
            "quantity_filled": total(o["quantity_filled"] for o in group),
            "notional": total(o["notional"] for o in group),
            "improvement_bps": half_up(weighted / weight, 2) if weighted is not None and weight else None,
            "largest_notional": max((o["notional"] for o in group if o["notional"] is not None), default=None),
            "quantity_unfilled": total(
                max(o["quantity_ordered"] - o["quantity_filled"], Fraction(0))
                for o in group
                if None not in (o["quantity_ordered"], o["quantity_filled"])
            ),
            "coin_notional": None,
        }


def symbols(orders: list[Row], now: int) -> Iterator[Row]:
    names = ("account", "market", "symbol", "quote_asset", "base_asset", "margin_asset")
    for key, group in grouped(orders, lambda order: tuple(order[name] for name in names)).items():
        recent = [o for o in group if o["order_time"] >= now - 30 * DAY * 1000]
        yield dict(zip(names, key, strict=True)) | {
            "orders": len(group),
            "notional": total(o["notional"] for o in group),
            "adl_share": share_of_adl(group),
            "first_order_at": min(o["order_time"] for o in group),
            "last_order_at": max(o["order_time"] for o in group),
            "orders_30d": len(recent),
            "notional_30d": total(o["notional"] for o in recent) or 0,
            "adl_share_30d": share_of_adl(recent) if recent else None,
            **dict.fromkeys(("coin_notional", "contract_type", "delivery_at", "is_listed")),
        }


def share_of_adl(orders: list[Row]) -> Fraction:
    return half_up(Fraction(sum(o["close_type"] == "ADL" for o in orders), len(orders)), 4)


def cascades(orders: list[Row], pause: int) -> Iterator[Row]:
    """One after the other in order of time; the pause is in microseconds."""
    bursts: list[list[Row]] = []
    for order in sorted(orders, key=lambda o: (o["account"], o["order_time"])):
        before = bursts[-1][-1] if bursts else None
        if before and before["account"] == order["account"] and order["order_time"] - before["order_time"] <= pause:
            bursts[-1].append(order)
        else:
            bursts.append([order])
    for burst in bursts:
        first, last = burst[0]["order_time"], burst[-1]["order_time"]
        yield {
            "account": burst[0]["account"],
            "market": "usdm",
            "started_at": first,
            "ended_at": last,
            "duration": last - first,
            "orders": len(burst),
            "symbols": len({o["symbol"] for o in burst}),
            "notional": total(o["notional"] for o in burst),
            "quote_assets": ", ".join(sorted({o["quote_asset"] for o in burst} - {None})) or None,
            "peak_orders_per_second": max(Counter(o["order_time"] // 1_000_000 for o in burst).values()),
            "notional_by_asset": {
                asset: total(o["notional"] for o in burst if (o["quote_asset"] or "unknown") == asset)
                for asset in {o["quote_asset"] or "unknown" for o in burst}
            },
        }


def calendar(
    since: int, today: int, proven: Spans, named: Spans, gaps: Sequence[tuple[int, int, str]]
) -> Iterator[Row]:
    """Each day from the instant `since` (epoch milliseconds) to the day `today`, but for its orders."""
    for day in range(since // DAY, today + 1):
        start, end = day * DAY, (day + 1) * DAY
        whole = any(first <= start and end <= last for first, last in proven)
        some = any(first < end and start < last for first, last in [*proven, *named])
        reasons = sorted({reason for first, last, reason in gaps if first < end and start < last})
        yield {
            "day": day_of(start * 1000),
            "coverage": "proven" if whole else "partly" if some else "not",
            "reasons": ", ".join(reasons) or None,
        }
