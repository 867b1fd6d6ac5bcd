"""The message that a summary of runs becomes, or none."""

from dataclasses import replace
from decimal import Decimal

import pytest

from etl.core.timeline import DAY, HOUR, Window
from etl.errors import ConfigError
from etl.notifications.message import Message, message_of
from etl.notifications.summary import (
    AccountFault,
    AccountGaps,
    AccountResults,
    NewOrders,
    NotificationSummary,
    RowCounts,
    RunResult,
    UnreadHistory,
    gaps_by_account,
    summary_of_error,
    summary_of_run,
)
from etl.runs.summary import Summary
from etl.store.coverage import Gap
from etl.store.runs import Counts

NOON = 1_790_856_000_000
ALL = ("failure", "gap", "orders")

QUIET = NotificationSummary(runs=(RunResult("sync", "succeeded", run_id=7),), rows=RowCounts(inserted=2, updated=1))
FAILED = replace(QUIET, runs=(RunResult("sync", "failed", ("account main: the key is refused",), 7),))
BANNED = replace(QUIET, runs=(RunResult("sync", "banned", ("banned until 2026-10-01T13:00Z",), 7),))
INCOMPLETE = NotificationSummary(
    runs=(RunResult("sync", "incomplete", run_id=7),),
    rows=RowCounts(quarantined=2),
    gaps=(AccountGaps("main", 3, ("failed", "saturated"), NOON),),
)
NEAR = replace(QUIET, unread=(UnreadHistory("hedge", NOON, 80.0), UnreadHistory("main", NOON, 5.24)))
ORDERS = replace(
    QUIET,
    orders=(
        NewOrders("main", "BTCUSDT", "ADL", 1, None, "USDT"),
        NewOrders("main", "BTCUSDT", "LIQUIDATION", 3, Decimal("12345.678"), "USDT"),
        NewOrders("main", "ETHBTC", "LIQUIDATION", 1, Decimal("0.00123"), "BTC"),
    ),
)


def said(summary: NotificationSummary, *about: str, gap_days: float = 14) -> Message:
    message = message_of(summary, about or ALL, gap_days)
    assert message is not None
    return message


SAID = {
    "failed": (
        FAILED,
        Message(
            "failure",
            "force-orders: sync failed",
            "sync (run 7) failed: account main: the key is refused\n\n"
            "Total: 1 run (1 failed); 2 new orders, 1 changed.",
        ),
    ),
    "banned": (
        BANNED,
        Message(
            "failure",
            "force-orders: sync banned",
            "sync (run 7) banned: banned until 2026-10-01T13:00Z\n\nTotal: 1 run (1 banned); 2 new orders, 1 changed.",
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
            "Total: 1 run (1 incomplete); 0 new orders, 0 changed.",
        ),
    ),
    "a gap that is lost soon": (
        NEAR,
        Message(
            "warning",
            "force-orders: unread history of account main is lost in 5.2 days",
            "Unread history that is lost soon:\n- main: from 2026-10-01T12:00Z, lost in 5.2 days\n\n"
            "Total: 1 run (1 succeeded); 2 new orders, 1 changed.",
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
            "Total: 1 run (1 succeeded); 2 new orders, 1 changed.",
        ),
    ),
}


REFUSED = "the key is refused"
NIGHTS = {
    "two failed": (
        AccountResults(40, failed=(AccountFault("a", REFUSED), AccountFault("b", REFUSED))),
        "40 of 42 accounts read; 2 failed",
        "2 failed:\n- a, b: the key is refused",
    ),
    "nobody worked": (
        AccountResults(0, unfinished=tuple(AccountFault(f"a{n}", "") for n in range(42)), unserved_queues=("default",)),
        "0 of 42 accounts read; no worker is running",
        "No worker is running for the queue default: force-orders worker --queues default\n"
        "42 not read yet:\n- a0, a1, a2, a3, a4 and 37 more",
    ),
    "a market of one failed": (
        AccountResults(1, failed=(AccountFault("a", REFUSED), AccountFault("a", REFUSED, "coinm"))),
        "1 of 2 accounts read; 1 failed",
        "1 failed:\n- a, a (coinm): the key is refused",
    ),
    "one is retried and one left a gap": (
        AccountResults(2, unfinished=(AccountFault("c", REFUSED),), incomplete=(AccountFault("d", "a gap"),)),
        "2 of 3 accounts read; 1 incomplete; 1 not yet",
        "1 not read yet:\n- c: the key is refused\n1 incomplete:\n- d: a gap",
    ),
}


@pytest.mark.parametrize(("accounts", "title", "body"), NIGHTS.values(), ids=NIGHTS)
def test_a_night_is_told_by_its_accounts(accounts: AccountResults, title: str, body: str) -> None:
    message = said(NotificationSummary(runs=FAILED.runs, accounts=accounts))
    assert (message.severity, message.title) == ("failure", f"force-orders: {title}")
    assert message.body == f"{body}\n\nTotal: 1 run (1 failed); 0 new orders, 0 changed."


def test_a_night_in_which_a_retry_read_every_account_is_no_news() -> None:
    assert message_of(NotificationSummary(runs=FAILED.runs, accounts=AccountResults(3)), ALL, 14) is None


def test_a_night_whose_only_run_was_stopped_is_news() -> None:
    stopped = (RunResult("sync", "stopped", ("stopped",), 7),)
    message = said(NotificationSummary(runs=stopped, accounts=AccountResults(0, unfinished=(AccountFault("a", ""),))))
    assert message.title == "force-orders: 0 of 1 account read; 1 not yet"


@pytest.mark.parametrize(("summary", "message"), SAID.values(), ids=SAID)
def test_a_summary_becomes_a_message_of_a_few_lines(summary: NotificationSummary, message: Message) -> None:
    assert said(summary) == message


@pytest.mark.parametrize(
    ("summary", "about"),
    [
        (QUIET, ALL),
        (FAILED, ("gap", "orders")),
        (NEAR, ("failure", "orders")),
        (ORDERS, ("failure", "gap")),
        (replace(QUIET, unread=(UnreadHistory("main", NOON, 14.0),)), ALL),
        (replace(QUIET, gaps=INCOMPLETE.gaps), ALL),
        (NotificationSummary(runs=()), ALL),
        (NotificationSummary(runs=(RunResult("sync", "stopped", ("stopped",), 7),), unread=NEAR.unread), ALL),
        (NotificationSummary(runs=(RunResult("sync", "running", run_id=7),)), ALL),
    ],
    ids=[
        "a run without an event",
        "a failure, not chosen",
        "a gap, not chosen",
        "orders, not chosen",
        "a gap that is not lost soon",
        "an old gap that the run did not leave",
        "no run",
        "a run that was stopped",
        "a run that has not ended",
    ],
)
def test_no_message_is_made_without_a_chosen_event(summary: NotificationSummary, about: tuple[str, ...]) -> None:
    assert message_of(summary, about, gap_days=14) is None


def test_the_most_severe_section_comes_first_and_gives_the_title() -> None:
    everything = replace(ORDERS, runs=FAILED.runs, unread=NEAR.unread)
    message = said(everything)
    assert (message.severity, message.title) == ("failure", "force-orders: sync failed")
    heads = [paragraph.partition("\n")[0] for paragraph in message.body.split("\n\n")]
    assert [head[:12] for head in heads] == ["sync (run 7)", "Unread histo", "5 new force ", "Total: 1 run"]


def test_history_that_is_being_lost_now_is_reported_as_such() -> None:
    for days in (0.0, 0.04):
        lost = replace(QUIET, unread=(UnreadHistory("main", NOON, days),))
        assert said(lost).title == "force-orders: unread history of account main is being lost now"


def test_a_market_is_named_unless_it_is_usdm() -> None:
    several = replace(
        INCOMPLETE,
        gaps=(AccountGaps("main", 1, ("failed",), NOON, "coinm"),),
        unread=(UnreadHistory("main", NOON, 5.0, "coinm"),),
        orders=(NewOrders("main", "BTCUSD_PERP", "ADL", 2, Decimal(100), "USD", "coinm"),),
    )
    body = said(several).body
    assert "- main (coinm): 1 gap (failed)" in body
    assert "- main (coinm): from " in body
    assert "- main (coinm) BTCUSD_PERP ADL: 2, 100.00 USD" in body
    near = replace(QUIET, unread=several.unread)
    assert said(near).title == "force-orders: unread history of account main (coinm) is lost in 5.0 days"


def test_many_runs_are_one_short_message_that_lists_the_worst() -> None:
    accounts = [f"account-{number:03}" for number in range(200)]
    long = "x" * 5_000
    fleet = NotificationSummary(
        runs=(
            *(RunResult("sync", "incomplete", run_id=number) for number in range(150)),
            *(
                RunResult("sync", "failed", (f"account {accounts[number]}: {long}",), number)
                for number in range(150, 192)
            ),
            *(RunResult("sync", "succeeded", run_id=number) for number in range(192, 200)),
        ),
        rows=RowCounts(inserted=400),
        gaps=tuple(AccountGaps(name, 1, ("failed",), NOON + number) for number, name in enumerate(accounts)),
        unread=tuple(UnreadHistory(name, NOON, 13 - number / 100) for number, name in enumerate(accounts)),
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
    assert message.body.endswith("Total: 200 runs (42 failed, 150 incomplete, 8 succeeded); 400 new orders, 0 changed.")


def test_one_run_is_reported_with_every_fault_and_many_with_the_first_of_each() -> None:
    one = RunResult("sync", "failed", tuple(f"account {number}: the key is refused" for number in range(40)), 7)
    assert said(NotificationSummary(runs=(one,))).body.split("\n\n")[0].split("\n") == [
        "sync (run 7) failed:",
        *(f"- account {number}: the key is refused" for number in range(5)),
        "and 35 more",
    ]
    assert said(NotificationSummary(runs=(one, *BANNED.runs))).body.split("\n")[:2] == [
        "sync (run 7) failed: account 0: the key is refused (and 39 more)",
        "sync (run 7) banned: banned until 2026-10-01T13:00Z",
    ]


def test_a_gap_is_reported_even_without_a_run() -> None:
    assert said(replace(NEAR, runs=())).body.endswith("Total: 0 runs; 2 new orders, 1 changed.")


def test_the_title_names_the_status_that_all_bad_runs_share() -> None:
    runs = (RunResult("sync", "banned", run_id=1), RunResult("sync", "banned", run_id=2), *QUIET.runs)
    assert said(replace(QUIET, runs=runs)).title == "force-orders: 2 of 3 runs banned"


def test_quoted_text_cannot_control_a_terminal_or_break_a_line() -> None:
    hostile = "\x1b[2J\nBTC\u202eUSDT"
    faulty = replace(FAILED, runs=(RunResult("sync", "failed", (hostile,), 7),))
    new = replace(QUIET, orders=(NewOrders("main", hostile, "ADL", 1, None, None),))
    for summary in (faulty, new):
        assert all(line.isprintable() for line in said(summary).body.split("\n"))
        assert "�[2J BTC�USDT" in said(summary).body


def test_without_the_database_the_summary_comes_from_the_run_itself() -> None:
    summary = Summary("sync", 7, status="failed", counts=Counts(inserted=4, updated=3, quarantined=2))
    summary.faults = ["the database cannot be used: gone", "account main was left out"]
    summary.gaps = [Gap("main", "usdm", "*", Window(NOON, NOON + HOUR), "failed")]
    assert summary_of_run(summary) == NotificationSummary(
        runs=(RunResult("sync", "failed", ("the database cannot be used: gone", "account main was left out"), 7),),
        rows=RowCounts(4, 3, 2),
        gaps=(AccountGaps("main", 1, ("failed",), NOON),),
    )


def test_a_run_that_could_not_begin_is_reported_by_its_error_and_an_unexpected_error_without_its_text() -> None:
    refused = said(summary_of_error("sync", ConfigError("no key: set BINANCE_API_KEY")))
    assert refused.body.startswith("sync failed: no key: set BINANCE_API_KEY\n")
    broken = said(summary_of_error("sync", KeyError("https://host/?signature=abc")))
    assert broken.body.startswith("sync failed: this should not happen (KeyError)\n")


def test_a_gap_that_symbols_share_counts_once_and_a_lost_one_does_not_count() -> None:
    day = Window(NOON, NOON + DAY)
    gaps = [
        Gap("main", "usdm", "*", day, "failed"),
        Gap("main", "usdm", "BTCUSDT", day, "failed"),
        Gap("main", "usdm", "BTCUSDT", Window(NOON - HOUR, NOON), "saturated"),
        Gap("main", "usdm", "*", Window(0, DAY), "beyond_retention"),
        Gap("hedge", "usdm", "*", Window(0, DAY), "beyond_retention"),
    ]
    of_usdm = AccountGaps("main", 2, ("failed", "saturated"), NOON - HOUR)
    assert gaps_by_account(gaps) == (of_usdm,)
    of_coinm = AccountGaps("main", 1, ("failed",), NOON, "coinm")
    assert gaps_by_account([*gaps, Gap("main", "coinm", "*", day, "failed")]) == (of_coinm, of_usdm)
