"""What a night is worth in words: facts in, a message or none out."""

from dataclasses import replace
from decimal import Decimal

import pytest

from etl.core.timeline import DAY, HOUR, Window
from etl.errors import ConfigError
from etl.notifications.message import Message, message_of
from etl.notifications.summary import (
    Digest,
    Ended,
    Gaps,
    NewOrders,
    Tally,
    Unread,
    digest_of,
    digest_of_error,
    gaps_by_account,
)
from etl.runs.run import Summary
from etl.store.coverage import Gap
from etl.store.runs import Counts

NOON = 1_790_856_000_000
ALL = ("failure", "gap", "orders")

QUIET = Digest(runs=(Ended("sync", "succeeded", run_id=7),), tally=Tally(inserted=2, updated=1))
FAILED = replace(QUIET, runs=(Ended("sync", "failed", ("account main: the key is refused",), 7),))
BANNED = replace(QUIET, runs=(Ended("sync", "banned", ("banned until 2026-10-01T13:00Z",), 7),))
INCOMPLETE = Digest(
    runs=(Ended("sync", "incomplete", run_id=7),),
    tally=Tally(quarantined=2),
    gaps=(Gaps("main", 3, ("failed", "saturated"), NOON),),
)
NEAR = replace(QUIET, unread=(Unread("hedge", NOON, 80.0), Unread("main", NOON, 5.24)))
ORDERS = replace(
    QUIET,
    orders=(
        NewOrders("main", "BTCUSDT", "ADL", 1, None, "USDT"),
        NewOrders("main", "BTCUSDT", "LIQUIDATION", 3, Decimal("12345.678"), "USDT"),
        NewOrders("main", "ETHBTC", "LIQUIDATION", 1, Decimal("0.00123"), "BTC"),
    ),
)


def said(digest: Digest, *about: str, gap_days: float = 14) -> Message:
    message = message_of(digest, about or ALL, gap_days)
    assert message is not None
    return message


SAID = {
    "failed": (
        FAILED,
        Message(
            "failure",
            "force-orders: sync failed",
            "sync (run 7) failed: account main: the key is refused\n\n"
            "In all: 1 run (1 failed); 2 orders new, 1 changed.",
        ),
    ),
    "banned": (
        BANNED,
        Message(
            "failure",
            "force-orders: sync banned",
            "sync (run 7) banned: banned until 2026-10-01T13:00Z\n\nIn all: 1 run (1 banned); 2 orders new, 1 changed.",
        ),
    ),
    "incomplete": (
        INCOMPLETE,
        Message(
            "failure",
            "force-orders: sync incomplete",
            "sync (run 7) incomplete\n"
            "2 rows could not be read; see: force-orders quarantine list\n"
            "Gaps; see: force-orders status\n"
            "- main: 3 gaps (failed, saturated) from 2026-10-01T12:00Z\n\n"
            "In all: 1 run (1 incomplete); 0 orders new, 0 changed.",
        ),
    ),
    "a gap that is soon lost": (
        NEAR,
        Message(
            "warning",
            "force-orders: history of account main is lost in 5.2 days",
            "Unread, and soon lost:\n- main: from 2026-10-01T12:00Z, lost in 5.2 days\n\n"
            "In all: 1 run (1 succeeded); 2 orders new, 1 changed.",
        ),
    ),
    "new orders": (
        ORDERS,
        Message(
            "info",
            "force-orders: 5 new force orders",
            "5 new force orders, 12,345.68 USDT + 0.00123 BTC:\n"
            "- main BTCUSDT LIQUIDATION: 3, 12,345.68 USDT\n"
            "- main ETHBTC LIQUIDATION: 1, 0.00123 BTC\n"
            "- main BTCUSDT ADL: 1\n\n"
            "In all: 1 run (1 succeeded); 2 orders new, 1 changed.",
        ),
    ),
}


@pytest.mark.parametrize(("digest", "message"), SAID.values(), ids=SAID)
def test_what_happened_is_said_in_a_few_lines(digest: Digest, message: Message) -> None:
    assert said(digest) == message


@pytest.mark.parametrize(
    ("digest", "about"),
    [
        (QUIET, ALL),
        (FAILED, ("gap", "orders")),
        (NEAR, ("failure", "orders")),
        (ORDERS, ("failure", "gap")),
        (replace(QUIET, unread=(Unread("main", NOON, 14.0),)), ALL),
        (replace(QUIET, gaps=INCOMPLETE.gaps), ALL),
        (Digest(runs=()), ALL),
        (Digest(runs=(Ended("sync", "stopped", ("stopped",), 7),), unread=NEAR.unread), ALL),
        (Digest(runs=(Ended("sync", "running", run_id=7),)), ALL),
    ],
    ids=[
        "a quiet night",
        "a failure unasked for",
        "a gap unasked for",
        "orders unasked for",
        "a gap that is not near",
        "an old gap that the run did not leave",
        "no run",
        "a run that was stopped",
        "a run that is not over",
    ],
)
def test_nothing_is_said_where_nothing_happened_that_anybody_wants_to_hear(
    digest: Digest, about: tuple[str, ...]
) -> None:
    assert message_of(digest, about, gap_days=14) is None


def test_the_gravest_comes_first_and_gives_the_title() -> None:
    everything = replace(ORDERS, runs=FAILED.runs, unread=NEAR.unread)
    message = said(everything)
    assert (message.gravity, message.title) == ("failure", "force-orders: sync failed")
    heads = [paragraph.partition("\n")[0] for paragraph in message.body.split("\n\n")]
    assert [head[:12] for head in heads] == ["sync (run 7)", "Unread, and ", "5 new force ", "In all: 1 ru"]


def test_what_is_being_lost_right_now_is_said_so() -> None:
    for days in (0.0, 0.04):
        lost = replace(QUIET, unread=(Unread("main", NOON, days),))
        assert said(lost).title == "force-orders: history of account main is lost as of now"


def test_a_fleet_s_night_is_one_short_message_the_worst_by_name() -> None:
    accounts = [f"account-{number:03}" for number in range(200)]
    long = "x" * 5_000
    fleet = Digest(
        runs=(
            *(Ended("sync", "incomplete", run_id=number) for number in range(150)),
            *(Ended("sync", "failed", (f"account {accounts[number]}: {long}",), number) for number in range(150, 192)),
            *(Ended("sync", "succeeded", run_id=number) for number in range(192, 200)),
        ),
        tally=Tally(inserted=400),
        gaps=tuple(Gaps(name, 1, ("failed",), NOON + number) for number, name in enumerate(accounts)),
        unread=tuple(Unread(name, NOON, 13 - number / 100) for number, name in enumerate(accounts)),
        orders=tuple(
            NewOrders(name, "BTCUSDT", "ADL", 2, Decimal(number), "USDT") for number, name in enumerate(accounts)
        ),
    )
    message = said(fleet)
    assert message.title == "force-orders: 192 of 200 runs went wrong"
    assert len(message.body) < 2_500, "some channels take no more than 2,000 or 4,000 characters"
    assert "sync (run 150) failed: account account-150: xxx" in message.body
    assert "- account-199: from 2026-10-01T12:00Z, lost in 11.0 days" in message.body
    assert "400 new force orders, 19,900.00 USDT:\n- account-199 BTCUSDT ADL: 2, 199.00 USDT\n" in message.body
    assert message.body.count("and 195 more") == 3
    assert "and 187 more" in message.body
    assert message.body.endswith(
        "In all: 200 runs (42 failed, 150 incomplete, 8 succeeded); 400 orders new, 0 changed."
    )


def test_of_one_run_each_fault_is_told_and_of_many_each_one_s_first() -> None:
    one = Ended("sync", "failed", tuple(f"account {number}: the key is refused" for number in range(40)), 7)
    assert said(Digest(runs=(one,))).body.split("\n\n")[0].split("\n") == [
        "sync (run 7) failed:",
        *(f"- account {number}: the key is refused" for number in range(5)),
        "and 35 more",
    ]
    assert said(Digest(runs=(one, *BANNED.runs))).body.split("\n")[:2] == [
        "sync (run 7) failed: account 0: the key is refused (and 39 more)",
        "sync (run 7) banned: banned until 2026-10-01T13:00Z",
    ]


def test_a_gap_is_told_also_where_nothing_ran() -> None:
    assert said(replace(NEAR, runs=())).body.endswith("In all: 0 runs; 2 orders new, 1 changed.")


def test_of_many_runs_that_ended_in_one_way_the_title_says_which() -> None:
    runs = (Ended("sync", "banned", run_id=1), Ended("sync", "banned", run_id=2), *QUIET.runs)
    assert said(replace(QUIET, runs=runs)).title == "force-orders: 2 of 3 runs banned"


def test_nothing_that_is_quoted_steers_a_terminal_or_breaks_a_line() -> None:
    hostile = "\x1b[2J\nBTC\u202eUSDT"
    faulty = replace(FAILED, runs=(Ended("sync", "failed", (hostile,), 7),))
    new = replace(QUIET, orders=(NewOrders("main", hostile, "ADL", 1, None, None),))
    for digest in (faulty, new):
        assert all(line.isprintable() for line in said(digest).body.split("\n"))
        assert "�[2J BTC�USDT" in said(digest).body


def test_without_the_database_a_run_is_told_by_its_own_summary() -> None:
    summary = Summary("sync", 7, status="failed", counts=Counts(inserted=4, updated=3, quarantined=2))
    summary.faults = ["the database cannot be used: gone", "account main was left out"]
    summary.gaps = [Gap("main", "usdm", "*", Window(NOON, NOON + HOUR), "failed")]
    assert digest_of(summary) == Digest(
        runs=(Ended("sync", "failed", ("the database cannot be used: gone", "account main was left out"), 7),),
        tally=Tally(4, 3, 2),
        gaps=(Gaps("main", 1, ("failed",), NOON),),
    )


def test_a_run_that_could_not_begin_is_told_by_its_error_and_a_mistake_of_ours_without_its_text() -> None:
    refused = said(digest_of_error("sync", ConfigError("no key: set BINANCE_API_KEY")))
    assert refused.body.startswith("sync failed: no key: set BINANCE_API_KEY\n")
    broken = said(digest_of_error("sync", KeyError("https://host/?signature=abc")))
    assert broken.body.startswith("sync failed: this should not happen (KeyError)\n")


def test_a_gap_that_symbols_share_counts_once_and_one_that_is_lost_not_at_all() -> None:
    day = Window(NOON, NOON + DAY)
    gaps = [
        Gap("main", "usdm", "*", day, "failed"),
        Gap("main", "usdm", "BTCUSDT", day, "failed"),
        Gap("main", "usdm", "BTCUSDT", Window(NOON - HOUR, NOON), "saturated"),
        Gap("main", "usdm", "*", Window(0, DAY), "beyond_retention"),
        Gap("hedge", "usdm", "*", Window(0, DAY), "beyond_retention"),
    ]
    assert gaps_by_account(gaps) == (Gaps("main", 2, ("failed", "saturated"), NOON - HOUR),)
