"""What the views must say of each day, worked out again from what was asked for and proven: without SQL."""

from collections import Counter
from datetime import date, timedelta

from tests.postgres.recomputing import History, Interval, Row, day_of, holds, meets, merged, whole_day, without


def doubted(history: History, account: str, market: str) -> list[Interval]:
    """The days to which unreadable rows may belong."""
    own = (row for row in history.unreadable if (row["account"], row["market"]) == (account, market))
    return merged(whole_day(day) for row in own for day in row["days"])


def gaps_of_all_symbols(history: History) -> list[Row]:
    found = []
    for (account, market, symbol), own in history.coverage.items():
        known = merged([*own["proven"], *own["failed"], *own["beyond_retention"]])
        if symbol != "*" or not known:
            continue
        hole = without([(min(own["asked_since"], known[0][0]), known[-1][1])], own["proven"])
        lost = without(hole, without(hole, own["beyond_retention"]))
        failed = without(without(hole, without(hole, own["failed"])), own["beyond_retention"])
        rest = without(without(hole, own["failed"]), own["beyond_retention"])
        for reason, pieces in {"beyond_retention": lost, "failed": failed, "not_fetched": rest}.items():
            for start, end in pieces:
                found.append(
                    {"account": account, "market": market, "symbol": "*", "gap_start": start, "gap_end": end}
                    | {"reason": reason}
                )
    return found


def calendar(history: History, first: date, last: date, zone: str) -> list[Row]:
    """The rows of report_completeness. Every day is over."""
    scopes = {(account, market) for account, market, _ in history.coverage}
    scopes |= {(o["account"], o["market"]) for o in history.orders}
    found = []
    for account, market in scopes:
        own = history.coverage.get((account, market, "*"), {"proven": [], "beyond_retention": []})
        named = [row for key, row in history.coverage.items() if key[:2] == (account, market)]
        shown = merged(piece for row in named for piece in row["proven"])
        pieces = [piece for row in named for name in ("proven", "failed", "beyond_retention") for piece in row[name]]
        asked = [*(row["asked_since"] for row in named), *(start for start, _ in pieces)]
        unread = doubted(history, account, market)
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            whole = whole_day(day, zone)
            if holds(own["proven"], whole):
                state = "quarantined" if meets(unread, whole) else "proven"
            elif meets(shown, whole):
                state = "partly"
            elif not asked or min(asked) >= whole[1]:
                state = "never asked"
            else:
                state = "beyond retention" if holds(own["beyond_retention"], whole) else "not"
            found.append({"account": account, "market": market, "day": day, "state": state})
    return found


def coverage_days(history: History, last: date) -> list[Row]:
    """The rows of report_coverage up to a day."""
    missing = gaps_of_all_symbols(history)
    found = []
    for account, market in {key[:2] for key in history.coverage}:
        named = [row for key, row in history.coverage.items() if key[:2] == (account, market)]
        proven = history.coverage.get((account, market, "*"), {"proven": []})["proven"]
        shown = merged(piece for row in named for piece in row["proven"])
        own = [o for o in history.orders if (o["account"], o["market"]) == (account, market)]
        counted = Counter(day_of(o["order_time"]) for o in own)
        unread = doubted(history, account, market)
        day = day_of(min([row["asked_since"] for row in named] + [piece[0] for piece in shown]))
        while day <= last:
            whole = whole_day(day)
            is_proven, is_doubted = holds(proven, whole), meets(unread, whole)
            reasons = {
                gap["reason"]
                for gap in missing
                if (gap["account"], gap["market"]) == (account, market)
                and meets([(gap["gap_start"], gap["gap_end"])], whole)
            }
            state = (
                ("quarantined" if is_doubted else "proven") if is_proven else "partly" if meets(shown, whole) else "not"
            )
            said = sorted([*reasons, *(["quarantined"] if is_doubted else [])])
            found.append(
                {"account": account, "market": market, "day": day, "coverage": state, "orders": counted[day]}
                | {"reasons": ", ".join(said) or None}
            )
            day += timedelta(days=1)
    return found


def watermarks(history: History) -> list[Row]:
    found = []
    for (account, market, symbol), own in history.coverage.items():
        every = history.coverage.get((account, market, "*"), {"proven": []})
        proven = merged([*own["proven"], *every["proven"]])
        start, end = proven[0] if proven else (None, None)
        found.append({"account": account, "market": market, "symbol": symbol, "watermark": end, "covered_since": start})
    return found
