"""A fault, a crash and a ban in each market: what is proven is kept, and the next run completes the rest."""

from itertools import product
from typing import Any

import pytest

from etl.core.timeline import Window, subtract
from etl.simulator.markets import MARKETS
from etl.simulator.scenario import Scenario
from etl.simulator.server import real_time_ms
from tests.acceptance.lab import Lab, Labs
from tests.acceptance.market_tables import (
    LONG,
    NAMES,
    OF_CLASSIC,
    OF_UNIFIED,
    PATHS,
    expected,
    gaps,
    history,
    market_lab,
    proven,
    table,
)
from tests.chaos.promise import Span, assert_asks_only_for, questions, repeated, repeats, span_of
from tests.combining import few_of
from tests.waiting import wait_until

MINUTE = 60_000
IN_THE_MIDDLE = dict.fromkeys(NAMES, 3) | {"margin": 12, "pm-margin": 6}
"""A request for force orders by which some windows of LONG are proven, and most are not."""


def fault(market: str, kind: str, first: int, last: int | None = None, **values: Any) -> list[dict[str, Any]]:
    return [{"kind": kind, "path": PATHS[market], "at": [first, last or first], **values}]


def sent(lab: Lab, market: str) -> int:
    """How many requests for force orders the exchange has received."""
    count: int = lab.stats()["requests_by_path"].get(PATHS[market], 0)
    return count


@pytest.mark.parametrize("market", few_of(NAMES, 2))
def test_a_fault_in_the_middle_is_a_gap_that_the_next_run_closes(lab: Labs, market: str) -> None:
    broken = market_lab(lab, market, LONG)
    broken.tell("faults", fault(market, "status", IN_THE_MIDDLE[market]))
    done = broken("backfill", "--since", "30d", FORCE_ORDERS_CONCURRENCY="1", FORCE_ORDERS_ATTEMPTS="1")
    assert done.returncode == 3, done.stderr
    (gap,) = gaps(broken, market)
    assert gap["reason"] == "failed"
    assert 0 < (gap["gap_end"] - gap["gap_start"]).total_seconds() <= 7 * 86_400
    assert broken("sync").returncode == 0
    assert gaps(broken, market) == []
    assert_holds_the_span(broken, market, proven(broken, market)[0].start, broken.now())


@pytest.mark.parametrize("market", few_of(NAMES, 2))
def test_a_killed_run_repeats_at_most_what_was_in_flight(lab: Labs, market: str) -> None:
    killed = market_lab(lab, market, LONG)
    span, own = span_of(killed, 9), {"FORCE_ORDERS_CONCURRENCY": "2", "FORCE_ORDERS_WINDOW_DAYS": "6"}
    at = 2 * IN_THE_MIDDLE[market]
    killed.tell("faults", [{"kind": "hang", "path": PATHS[market], "at": [at, None]}])
    process = killed.command.start(*span.command, **own)
    wait_until(lambda: sent(killed, market) > at)
    process.kill()
    process.communicate()
    killed.tell("faults", [])
    first, left = questions(killed), unproven(killed, market, span)
    assert 0 < len(repeats(first, left, span)) <= repeated(concurrency=2)
    assert len(left) < span.count
    done = killed(*span.command, **own)
    assert (done.returncode, done.stderr) == (0, "")
    assert_asks_only_for(left, questions(killed)[len(first) :])
    assert unproven(killed, market, span) == []
    assert gaps(killed, market) == []
    assert_holds_the_span(killed, market, span.since, span.until)


@pytest.mark.parametrize(("market", "refusal"), few_of(product(NAMES, ["throttle", "ban"]), 3))
def test_a_refusal_in_one_market_stops_the_requests_of_every_pool(lab: Labs, market: str, refusal: str) -> None:
    own = OF_UNIFIED if MARKETS[market].portfolio_margin else OF_CLASSIC
    a_minute_begins = int(real_time_ms()) // MINUTE * MINUTE  # so that a refusal lasts as long as it can
    refused = market_lab(lab, market, LONG, Scenario(clock_at_ms=a_minute_begins, latency_ms=100))
    refused.command.environment.update(
        FORCE_ORDERS_MARKETS=",".join(own), FORCE_ORDERS_CONCURRENCY="1", FORCE_ORDERS_PATIENCE_SECONDS="5"
    )
    refused.tell("faults", fault(market, refusal, 2))
    done = refused("backfill", "--since", "60d")
    assert done.returncode == 4, done.stderr
    assert refused.last_run()["status"] == "banned"
    statuses = [(one.market, one.status) for one in questions(refused)]
    after = statuses[statuses.index((market, "429" if refusal == "throttle" else "418")) + 1 :]
    pools = {MARKETS[name].pool.name for name in own}
    assert len(after) <= 2 * (len(pools) - 1), (
        "one request was on its way in each other pool, and one followed it before the refusal arrived"
    )
    requests = refused.stats()["requests"]
    others = ",".join(name for name in own if name != market)
    again = refused("sync", FORCE_ORDERS_MARKETS=others)
    assert (again.returncode, "nothing is sent until then" in again.stderr) == (4, True)
    assert refused.stats()["requests"] == requests


def unproven(lab: Lab, market: str, span: Span) -> list[Window]:
    return subtract([Window(span.since, span.until)], proven(lab, market))


def assert_holds_the_span(lab: Lab, market: str, since: int, until: int) -> None:
    """What was asked for, to the digit; a page may show an order from just beyond it."""
    shown = {(row["symbol"], row["orderId"]): expected(row) for row in history(lab, market)}
    within = {key: row for key, row in shown.items() if since <= row["order_ms"] < until}
    stored = table(lab, market)
    assert len(within) > 20
    assert {key: stored.get(key) for key in within} == within
    assert stored.keys() <= shown.keys()
