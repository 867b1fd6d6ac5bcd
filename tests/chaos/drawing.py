"""What a campaign run is, drawn by its seed: an exchange, a history, settings, and what happens to each of its runs."""

from dataclasses import dataclass
from random import Random
from typing import Any

from etl.simulator.history import Generated, Profile, Shape
from etl.simulator.scenario import DAY_MS, Scenario
from tests.chaos.dying import Moment

ORDERS = "/fapi/v1/forceOrders"
BAN_SECONDS = 3_600
HOUR_MS = 3_600_000

ANSWERS: dict[str, dict[str, Any]] = {
    "answer 500": {"kind": "status", "status": 500},
    "answer 502": {"kind": "status", "status": 502},
    "answer 503": {"kind": "status", "status": 503},
    "answer 504": {"kind": "status", "status": 504},
    "answer 408": {"kind": "status", "status": 408},
    "error -1001": {"kind": "code", "code": -1001},
    "key refused": {"kind": "key"},
    "clock refused": {"kind": "skew"},
    "redirect": {"kind": "redirect"},
    "garbage": {"kind": "garbage"},
    "an object": {"kind": "object"},
    "cut short": {"kind": "cut"},
    "no gzip at all": {"kind": "gzip_lie"},
    "slow": {"kind": "slow", "ms": 150},
    "reset": {"kind": "reset"},
    "closed": {"kind": "close"},
    "no answer": {"kind": "hang"},
    "throttled": {"kind": "throttle"},
    "banned": {"kind": "ban", "seconds": BAN_SECONDS},
}
"""What the exchange may do to a request, as the simulator takes it."""

AT_A_COMMIT = "kill -9 at a commit"
CLOCK_JUMPS = "the exchange's clock jumps"
BLOWS = (
    "kill -9",
    AT_A_COMMIT,
    "SIGTERM",
    "SIGINT",
    "Postgres crashes",
    "Postgres stops at once",
    "connections cut",
    "two runs at once",
    CLOCK_JUMPS,
)
"""What may happen to a run from elsewhere; one at a time."""

GREATEST_PAGE = 100
SILENCES = {"throttled", "banned", "key refused"}
"""What ends in one. A key that worked and is refused may be a ban in disguise, and is tried again a minute later."""
JUMPS_MS = (-300_000, -10_000, 10_000, 600_000, 6 * HOUR_MS, 2 * DAY_MS)
"""Back by no more than the settle lag forgives. The last leaves no run possible until the clock is right again."""

READ_TIMEOUT_S = 0.4


@dataclass(frozen=True)
class Round:
    """One run and what happens to it: answers that go wrong, and at most one blow after so many pages."""

    answers: dict[str, dict[str, Any]]
    blow: str | None
    after_pages: int
    dies: tuple[int, Moment]
    """At which of its commits, for the blow of that name."""
    jump_ms: int
    environment: dict[str, str]


@dataclass(frozen=True)
class Drawn:
    seed: int
    scenario: Scenario
    history: Generated
    concurrency: int
    environment: dict[str, str]
    """Settings of every run, those that are left alone included."""
    rounds: tuple[Round, ...]


def drawn(seed: int) -> Drawn:
    """The campaign run of that number, the same on every machine."""
    lot = Random(f"chaos/{seed}")
    page_limit = lot.choice((20, 50, GREATEST_PAGE, GREATEST_PAGE))
    concurrency = lot.randint(1, 4)
    silence = lot.choice((None, None, None, *sorted(SILENCES)))
    blows = [lot.choice((*BLOWS, None)) for _ in range(lot.randint(1, 3))]
    if silence is not None:  # its end is reckoned by the exchange's clock, which a jump would move
        blows = [None if blow == CLOCK_JUMPS else blow for blow in blows]
    return Drawn(
        seed,
        _scenario(lot, page_limit),
        _history(lot, seed),
        concurrency,
        {
            "FORCE_ORDERS_CONCURRENCY": str(concurrency),
            "FORCE_ORDERS_PAGE_LIMIT": str(page_limit),
            "FORCE_ORDERS_WINDOW_DAYS": lot.choice(("1", "2", "7", "7")),
        },
        tuple(_round(lot, blow, silence if number == 0 else None) for number, blow in enumerate(blows)),
    )


def _round(lot: Random, blow: str | None, silence: str | None) -> Round:
    few = lot.choice((0, 1, 1, 2)) if blow else lot.randint(1, 3)
    names = lot.sample(sorted(ANSWERS.keys() - SILENCES), few) + ([silence] if silence else [])
    return Round(
        {name: ANSWERS[name] | {"at": _when(lot, name), "path": ORDERS} for name in names},
        blow,
        lot.randint(1, 9),
        (lot.randint(1, 16), lot.choice(("before", "after"))),
        lot.choice(JUMPS_MS),
        {
            "FORCE_ORDERS_ATTEMPTS": lot.choice(("1", "1", "2")),
            "FORCE_ORDERS_PATIENCE_SECONDS": lot.choice(("0", "90")),
            "FORCE_ORDERS_READ_TIMEOUT_SECONDS": str(READ_TIMEOUT_S),
        },
    )


def _when(lot: Random, name: str) -> int | list[int]:
    """Which requests for orders an answer goes wrong for, counted from 1."""
    first = lot.randint(1, 10)
    return first if name in SILENCES else [first, first + lot.choice((0, 0, 1, 4))]


def _history(lot: Random, seed: int) -> Generated:
    shapes: tuple[Shape, ...] = ("demo", "quiet", "bursty", "bursty", "bursty", "empty")
    shape = lot.choice(shapes)
    days = lot.choice((15, 40, 100))
    return Generated(Profile(shape, lot.uniform(20, 400) / days), str(seed), days)


def _scenario(lot: Random, page_limit: int) -> Scenario:
    return Scenario(
        kept=lot.choice(("oldest", "newest", "by_symbol", "random")),
        order=lot.choice(("ascending", "descending", "shuffled")),
        start_inclusive=lot.random() < 0.5,
        end_inclusive=lot.random() < 0.5,
        filter_field=lot.choice(("time", "updateTime")),
        equal_ends=lot.choice(("accepted", "refused")),
        longest_window_ms=lot.choice((7, 7, 7, 2)) * DAY_MS,
        page_limit_cap=lot.choice((page_limit, page_limit, lot.randint(page_limit // 2, page_limit))),
        # More rows of no worth on a page make every page look cut, and a run of many thousand requests.
        duplicates=lot.choice((0, 0, 1)) if page_limit == GREATEST_PAGE else 0,
        strays=lot.choice((0, 0, 1)) if page_limit == GREATEST_PAGE else 0,
        beyond_retention=lot.choice(("error", "empty")),
        visibility_delay_ms=lot.choice((0, 60_000)),
        retry_after=lot.choice(("seconds", "0", "missing")),
        latency_ms=lot.choice((2, 5, 15)),
        clock_offset_ms=lot.choice((0, 0, 90_000, -5 * HOUR_MS, 3 * HOUR_MS)),
        seed=lot.randint(1, 1_000),
    )
