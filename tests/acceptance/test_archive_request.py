"""`archive request`: each file is asked for once, within quota and minute, and what was interrupted goes on."""

import stat
from dataclasses import replace
from itertools import count
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from etl.errors import ExitCode
from etl.simulator.accounts import MAIN
from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import Scenario
from tests.acceptance.archiving import YEARS, assert_equal_to_history, downloads, exports, request, rows, states
from tests.acceptance.lab import DAY, Lab, Labs
from tests.combining import each_value_once, few_of
from tests.forking import Process
from tests.waiting import wait_until

AT_ONCE = Scenario(export_processing_ms=0)
"""Files are made in no time, so that no test waits."""

ASYN = "/fapi/v1/order/asyn"

OLD = {"main": Generated(Profile("demo"), "archive", days=400)}
"""One file older than what the API shows."""


def since(lab: Lab, days: int) -> int:
    return lab.now() // DAY * DAY - days * DAY


def ask(lab: Lab, days: int, *options: str) -> tuple[str, ...]:
    return ("archive", "request", "--since", str(since(lab, days)), "--yes", *options)


def test_three_years_come_with_two_commands(lab: Labs, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lab(histories=YEARS)
    assert made("backfill").returncode == 0
    start = since(made, 1_095)
    summary, time = request(made, monkeypatch, start)
    assert (summary.faults, summary.left, summary.exit_code) == ([], [], ExitCode.DONE)
    end = start + 1_095 * DAY  # the exchange's clock may have passed midnight since then
    assert_equal_to_history(made, start, end - DAY)
    assert states(made, start, end - 3 * DAY) == {"archived": 1_095 - 89, "proven": 86}
    assert len(exports(made)) == 3
    assert [row["state"] for row in made.sql("SELECT state FROM archive_files")] == ["imported"] * 3
    assert time.slept >= 3 * 300
    assert made("db", "check").returncode == 0
    assert made("sync").returncode == 0
    assert made("verify").returncode == 0


def test_the_newest_file_comes_first_and_is_compared_with_what_the_api_proved(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    made("backfill")
    done = made(*ask(made, 380))
    assert done.returncode == 0, done.stderr
    (file,) = exports(made)
    assert file["endTime"] - file["startTime"] <= 365 * DAY
    assert "agrees with the API on" in done.stdout
    agreed, of = done.stdout.split("agrees with the API on ")[1].split(" orders")[0].split(" of ")
    assert int(agreed) == int(of) > 100


def test_the_plan_is_shown_and_nothing_is_asked_for_without_a_yes(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    made("backfill")
    done = made("archive", "request", "--since", str(since(made, 380)))
    assert done.returncode == 2
    assert "will ask for" in done.stdout
    assert "0 of 10 files used" in done.stdout
    assert "1 file will be asked for" in done.stderr
    assert "--yes" in done.stderr
    assert exports(made) == []
    assert made.sql("SELECT * FROM archive_files") == []


def test_what_is_covered_is_not_asked_for_again(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    made("backfill")
    made(*ask(made, 380))
    again = made(*ask(made, 380))
    assert again.returncode == 0, again.stderr
    assert "nothing to ask for" in again.stdout
    assert "1 of 10 files used" in again.stdout
    assert len(exports(made)) == 1


def test_the_list_shows_files_states_and_the_quota(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    assert "there are no archive files" in made("archive", "list").stdout
    made("backfill")
    made(*ask(made, 380))
    listed = made("archive", "list")
    assert listed.returncode == 0
    assert "imported" in listed.stdout
    assert "account main: 1 of 10 files used in 31 days" in listed.stdout
    assert made("archive", "list", "--account", "other").returncode == 0


def test_the_downloaded_bytes_are_kept_for_this_user_alone(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    made("backfill")
    made(*ask(made, 380))
    directory = downloads(made)
    (kept,) = list(directory.iterdir())
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    (file,) = made.sql("SELECT * FROM archive_files")
    assert file["bytes"] == kept.stat().st_size
    assert kept.name == f"000001-main-usdm-{file['sha256'][:12]}.zip"


def test_the_file_of_another_row_with_the_same_number_stays(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    made("backfill")
    downloads(made).mkdir(parents=True)
    other = downloads(made) / "000001-main-usdm-0123456789ab.zip"
    other.write_bytes(b"of a database before it was restored")
    made(*ask(made, 380))
    assert other.read_bytes() == b"of a database before it was restored"
    assert len(list(downloads(made).iterdir())) == 2


def test_the_link_is_nowhere(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    made("backfill")
    done = made("--log-level", "debug", *ask(made, 380))
    assert done.returncode == 0
    (token,) = {export.token for export in made.simulator.exchange.exports._by_id.values()}
    stored = str(made.sql("SELECT * FROM archive_files") + made.sql("SELECT * FROM runs"))
    written = [path.read_bytes() for path in downloads(made).rglob("*") if path.is_file()]
    assert token not in done.stdout + done.stderr + stored
    assert all(token.encode() not in content for content in written)


@each_value_once(container=["zip", "gzip", "bare"], scheme=[True, False])
def test_every_container_is_read_with_and_without_a_scheme(lab: Labs, container: Any, scheme: bool) -> None:
    scenario = replace(AT_ONCE, export_container=container, export_url_scheme=scheme, export_bom=False)
    made = lab(replace(scenario, export_line_end="LF", export_states="all"), histories=OLD)
    made("backfill")
    assert made(*ask(made, 380)).returncode == 0
    end = made.now() // DAY * DAY
    assert_equal_to_history(made, since(made, 380), end - DAY)


def test_the_quota_is_never_exceeded_and_the_rest_waits(lab: Labs, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lab(histories=YEARS)
    made("backfill")
    long_ago = "now() - interval '3 days'"
    made.sql(f"""
        INSERT INTO archive_files (account, market, span, state, requested_at, run_id, error)
        SELECT 'main', 'usdm', '[2019-10-01,2019-10-02)', 'failed', {long_ago}, 1, 'x' FROM generate_series(1, 8)
        RETURNING id""")
    start = since(made, 1_095)
    summary, _ = request(made, monkeypatch, start)
    assert len(exports(made)) == 2
    (left,) = summary.left
    assert "waits: the quota of 10 files a month has room for it at" in left
    assert summary.exit_code is ExitCode.INCOMPLETE
    planned = made.sql("SELECT state FROM archive_files WHERE state = 'planned'")
    assert len(planned) == 1
    shown = made("archive", "request", "--since", str(start), "--yes")
    assert shown.returncode == 3
    assert "1 older file must wait" in shown.stdout
    assert len(exports(made)) == 2


def test_no_minute_has_a_third_request(lab: Labs, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lab(AT_ONCE, histories=YEARS)
    made("backfill")
    summary, time = request(made, monkeypatch, since(made, 1_095))
    assert (summary.faults, summary.exit_code) == ([], ExitCode.DONE)
    assert 50 < time.slept < 63
    asked = [export["asked_ms"] for export in exports(made)]
    assert asked[2] - asked[0] > 60_000


def test_requests_under_a_time_to_come_are_not_waited_for(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    made("backfill")
    made.sql("""
        INSERT INTO archive_files (account, market, span, state, requested_at, run_id)
        SELECT 'other', 'usdm', tstzrange('2025-01-01Z', '2025-02-01Z'), 'requested', now() + interval '1 day', 1
          FROM generate_series(1, 2) RETURNING 1
    """)
    done = made(*ask(made, 380))
    assert done.returncode == 3
    assert "waits for other requests until" in done.stdout + done.stderr
    assert made.stats()["requests_by_path"].get("/fapi/v1/order/asyn", 0) == 0


def test_a_polite_run_asks_every_half_minute(lab: Labs, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lab(Scenario(export_processing_ms=300_000), histories=OLD)
    made("backfill")
    before = made.stats()["requests_by_path"].get("/fapi/v1/order/asyn/id", 0)
    _, time = request(made, monkeypatch, since(made, 380))
    polled = made.stats()["requests_by_path"]["/fapi/v1/order/asyn/id"] - before
    assert (time.slept, polled) == (300, 11)


def test_a_file_that_takes_long_is_left_to_the_next_run(lab: Labs, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lab(Scenario(export_processing_ms=7_200_000), histories=OLD)
    made("backfill")
    summary, _ = request(made, monkeypatch, since(made, 380))
    assert summary.exit_code is ExitCode.INCOMPLETE
    assert "still making the file" in summary.left[0]
    assert made.sql("SELECT state FROM archive_files") == [{"state": "processing"}]
    made.tell("clock", {"advance_ms": 3_700_000})
    done = made(*ask(made, 380))
    assert done.returncode == 0, done.stderr
    assert "goes on with the file of" in done.stdout
    assert len(exports(made)) == 1


def test_an_expired_link_is_said_and_asked_for_anew_by_the_next_run(lab: Labs, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lab(Scenario(export_processing_ms=7_200_000), histories=OLD)
    made("backfill")
    request(made, monkeypatch, since(made, 380))
    made.tell("clock", {"advance_ms": 8 * DAY})
    made.tell("scenario", {"export_processing_ms": 0})
    expired = made(*ask(made, 388))
    assert expired.returncode == 3
    assert "expired before it was downloaded" in expired.stderr
    assert made.sql("SELECT state FROM archive_files") == [{"state": "expired"}]
    assert made(*ask(made, 388)).returncode == 0
    assert len(exports(made)) == 2


BROKEN = {
    "renamed column": (replace(AT_ONCE, export_header="renamed"), "it lacks 'Order No'", 1),
    "two accounts": (replace(AT_ONCE, export_foreign_rows=3), "the file mixes accounts", 1),
    "cut row": (replace(AT_ONCE, export_cut="csv"), "cut off", 1),
    "cut ZIP": (replace(AT_ONCE, export_cut="file"), "cut off or damaged", 1),
    "failed": (replace(AT_ONCE, export_outcome="failed"), "the exchange could not make it", 3),
}


@pytest.mark.parametrize(("scenario", "said", "code"), few_of(BROKEN, 2))
def test_a_broken_file_stores_nothing_and_no_more_quota_is_spent_on_it(
    lab: Labs, scenario: Scenario, said: str, code: int
) -> None:
    made = lab(scenario, histories=OLD)
    made("backfill")
    before = rows(made)
    done = made(*ask(made, 380))
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert rows(made) == before
    again = made(*ask(made, 380))
    assert again.returncode == 3
    assert "to ask for it anew, add --again" in again.stderr
    assert len(exports(made)) == 1
    made.tell("scenario", {"export_header": "known", "export_foreign_rows": 0, "export_cut": "none",
                           "export_outcome": "completed"})  # fmt: skip
    assert made(*ask(made, 380, "--again")).returncode == 0
    assert len(exports(made)) == 2
    assert made(*ask(made, 380)).returncode == 0


@pytest.mark.parametrize("empty", ["message", "header"])
def test_a_file_without_orders_archives_nothing_and_is_no_answer(lab: Labs, empty: Any) -> None:
    made = lab(replace(AT_ONCE, export_empty=empty), histories={"main": Generated(Profile("quiet"), days=50)})
    made("backfill")
    start = str(since(made, 900))
    done = made("archive", "request", "--since", start, "--until", str(since(made, 800)), "--yes")
    assert done.returncode == 3
    assert "orders" in done.stderr
    assert made.sql("SELECT archived::text FROM coverage WHERE symbol = '*'") == [{"archived": "{}"}]


def test_a_disagreement_is_listed_and_nothing_more_is_asked_for(lab: Labs, monkeypatch: pytest.MonkeyPatch) -> None:
    made = lab(AT_ONCE, histories=YEARS)
    made("backfill")
    made.sql("UPDATE force_orders SET side = CASE side WHEN 'BUY' THEN 'SELL' ELSE 'BUY' END RETURNING 1")
    summary, _ = request(made, monkeypatch, since(made, 1_095))
    assert summary.exit_code is ExitCode.INCOMPLETE
    assert summary.results[0].comparison.disagreed
    assert "nothing more was asked for" in summary.left[0]
    assert len(exports(made)) == 1


def test_a_ban_ends_the_run_with_its_code_and_the_file_is_asked_for_later(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    made("backfill")
    made.tell("faults", [{"kind": "ban", "path": ASYN, "seconds": 3_600}])
    done = made(*ask(made, 380))
    assert done.returncode == 4, done.stderr
    assert made.sql("SELECT state, requested_at FROM archive_files") == [{"state": "planned", "requested_at": None}]


def test_an_answer_that_never_comes_is_not_asked_for_again_by_itself(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    made("backfill")
    made.tell("faults", [{"kind": "reset", "path": ASYN, "at": 1}])
    lost = made(*ask(made, 380))
    assert lost.returncode == 1
    assert "no answer came to the request" in lost.stderr
    sent = made.stats()["requests_by_path"][ASYN]
    again = made(*ask(made, 380))
    assert again.returncode == 3
    assert "no answer came to the request" in again.stderr
    assert made.stats()["requests_by_path"][ASYN] == sent == 1
    assert made(*ask(made, 380, "--again")).returncode == 0
    assert made.stats()["requests_by_path"][ASYN] == 2
    assert made(*ask(made, 380)).returncode == 0


def test_a_quota_that_the_web_page_used_is_the_exchange_s_word_and_the_file_waits(lab: Labs) -> None:
    made = lab(replace(AT_ONCE, export_quota=0), histories=OLD)
    made("backfill")
    done = made(*ask(made, 380))
    assert done.returncode == 1
    assert "limited to 0 times per month" in done.stderr
    assert made.sql("SELECT state, requested_at FROM archive_files") == [{"state": "planned", "requested_at": None}]
    made.tell("scenario", {"export_quota": 10})
    assert made(*ask(made, 380)).returncode == 0


def test_a_file_that_the_exchange_no_longer_knows_is_said_and_left(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    made("backfill")
    made.tell("faults", [{"kind": "code", "code": -1130, "msg": "unknown", "path": f"{ASYN}/id"}])
    done = made(*ask(made, 380))
    assert done.returncode == 3, done.stderr
    assert "the exchange does not know it any more" in done.stderr
    assert made.sql("SELECT state FROM archive_files") == [{"state": "failed"}]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_that_dies_at_any_commit_is_finished_by_the_next_without_a_second_request(lab: Labs, moment: str) -> None:
    made = lab(AT_ONCE, histories={"main": Generated(Profile("demo"), "archive", days=120)})
    assert made("backfill").returncode == 0
    made.tell("scenario", {"export_quota": 1_000})
    assert made(*ask(made, 115)).returncode == 0
    deaths, unknown, whole = 0, 0, archived(made)
    for number in count(1):
        made.sql("DELETE FROM archive_files RETURNING 1")
        made.sql("DELETE FROM force_orders WHERE source = 'archive' RETURNING 1")
        made.sql("UPDATE coverage SET archived = '{}' RETURNING 1")
        made.tell("clock", {"advance_ms": 61_000})
        before = len(exports(made))
        died = killed(made, number, moment)
        if died == 0:
            break
        assert died == -SIGKILL
        deaths += 1
        done = made(*ask(made, 115))
        if done.returncode == 3:  # the request is stored, and nobody knows whether it was sent
            unknown += 1
            assert "no answer came to the request" in done.stderr
            assert len(exports(made)) == before
        else:
            assert done.returncode == 0, (number, done.stderr)
            assert len(exports(made)) == before + 1
            assert archived(made) == whole
    assert deaths >= 8
    assert unknown == (moment == "after"), "between the request stored and the request sent"


def archived(lab: Lab) -> set[tuple[str, int]]:
    return {key for key, row in rows(lab).items() if row["source"] == "archive"}


def killed(lab: Lab, number: int, moment: str) -> int:
    """How the command ends that kills itself at its commit of that number."""
    prepare = ("tests.chaos.dying:die_at", [number, moment])
    process = Process(ask(lab, 115), lab.command.directory, lab.command.environment, prepare=prepare)
    return process.end().returncode


@pytest.mark.parametrize("fault", few_of([{"kind": "status", "status": 500}, {"kind": "reset"}, {"kind": "cut"}], 2))
def test_a_download_that_fails_once_is_tried_again(lab: Labs, fault: dict[str, Any]) -> None:
    made = lab(AT_ONCE, histories=OLD)
    made("backfill")
    made.tell("faults", [fault | {"path": "/exports", "at": 1}])
    done = made(*ask(made, 380))
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"kind": "status", "status": 500}, "the host of the file answered with HTTP 500"),
        ({"kind": "redirect"}, "the host of the file answered with HTTP 302"),
        ({"kind": "cut"}, "the response was cut off"),
    ],
)
def test_a_download_that_keeps_failing_goes_on_in_the_next_run(lab: Labs, fault: dict[str, Any], said: str) -> None:
    made = lab(AT_ONCE, histories=OLD)
    made("backfill")
    made.tell("faults", [fault | {"path": "/exports"}])
    failed = made(*ask(made, 380), FORCE_ORDERS_ATTEMPTS="2")
    assert failed.returncode == 1
    assert said in failed.stderr
    assert "exports/" not in failed.stderr, "the link is a secret"
    assert made.sql("SELECT state FROM archive_files") == [{"state": "completed"}]
    made.tell("faults", [])
    assert made(*ask(made, 380)).returncode == 0
    assert len(exports(made)) == 1


@pytest.mark.parametrize(("market", "monthly"), [("coinm", 8), ("pm-usdm", 10)])
def test_other_markets_have_files_of_their_own(lab: Labs, market: str, monthly: int) -> None:
    history = Generated(Profile("demo"), "archive", days=400)
    classic = market.removeprefix("pm-")
    account = replace(MAIN, portfolio_margin_from_ms=0) if market != classic else MAIN
    scenario = replace(AT_ONCE, papi_weight_limit=100_000)
    made = lab(scenario, (account,), {"main": {classic: history}})
    options = ("--market", market)
    assert made("backfill", *options).returncode == 0
    done = made(*ask(made, 380, *options))
    assert done.returncode == 0, done.stderr + done.stdout
    assert f"0 of {monthly} files used" in done.stdout
    agreed, of = done.stdout.split("agrees with the API on ")[1].split(" orders")[0].split(" of ")
    assert int(agreed) == int(of) > 0
    sources = made.sql("SELECT DISTINCT source, market FROM force_orders ORDER BY source")
    assert sources == [{"source": "api", "market": market}, {"source": "archive", "market": market}]
    assert made("db", "check").returncode == 0


def test_settlements_that_the_api_does_not_list_come_with_the_file(lab: Labs) -> None:
    made = lab(replace(AT_ONCE, settlements_in="all_orders"), histories=OLD)
    made("backfill")
    done = made(*ask(made, 380))
    assert done.returncode == 0, done.stdout
    kinds = made.sql("SELECT DISTINCT source FROM force_orders WHERE close_type = 'SETTLEMENT'")
    assert [row["source"] for row in kinds] == ["archive"]


def test_the_weight_is_counted_and_the_run_recorded(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    made("backfill")
    assert made(*ask(made, 380)).returncode == 0
    run = made.last_run()
    assert (run["command"], run["status"]) == ("archive request", "succeeded")
    assert 1_010 <= run["weight"] < 1_100
    assert run["inserted"] > 100


def test_two_commands_at_once_ask_for_each_file_once(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    made("backfill")
    words = ask(made, 380)
    started = [made.command.start(*words) for _ in range(3)]
    ended = [process.end() for process in started]
    assert [one.returncode for one in ended] == [0, 0, 0], [one.stderr for one in ended]
    assert len(exports(made)) == 1


def test_a_stopped_command_goes_on_where_it_was(lab: Labs) -> None:
    made = lab(Scenario(export_processing_ms=300_000), histories=OLD)
    made("backfill")
    process = made.command.start(*ask(made, 380))
    wait_until(lambda: bool(made.sql("SELECT FROM archive_files WHERE state = 'processing'")))
    process.terminate()
    stopped = process.end()
    assert stopped.returncode == 130
    assert "stopped by a signal" in stopped.stderr
    made.tell("clock", {"advance_ms": 300_000})
    assert made(*ask(made, 380)).returncode == 0
    assert len(exports(made)) == 1


def test_a_gap_that_was_recorded_before_shrinks_to_what_no_file_covers(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    start = since(made, 380)
    assert made("backfill", "--since", str(start), "--beyond-retention").returncode == 3
    assert {gap["reason"] for gap in made.gaps()} == {"beyond_retention"}
    done = made("archive", "request", "--since", str(start + 30 * DAY), "--yes")
    assert done.returncode == 0, done.stderr
    of_all = [gap for gap in made.gaps() if gap["symbol"] == "*"]
    assert [(gap["gap_end"] - gap["gap_start"]).days for gap in of_all] == [30]
    assert made("status").returncode == 0


def test_portfolio_margin_has_files_of_its_usdm_futures_alone(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=OLD)
    for market in ("pm-coinm", "pm-margin", "margin"):
        done = made(*ask(made, 380, "--market", market))
        assert (done.returncode, done.stdout) == (2, "")
        assert f"the exchange gives no order files of {market}" in done.stderr


def test_wrong_arguments_are_one_line_before_any_request(lab: Labs, tmp_path: Path) -> None:
    made = lab(AT_ONCE, histories=OLD)
    assert "--since" in made("archive", "request", "--yes").stderr
    assert "is not a time" in made("archive", "request", "--since", "soon", "--yes").stderr
    assert "lies in the future" in made("archive", "request", "--since", "2999-01-01", "--yes").stderr
    assert "no account" in made(*ask(made, 380, "--account", "nobody")).stderr
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    refused = made(*ask(made, 380), FORCE_ORDERS_DATA_DIR=str(blocked))
    assert refused.returncode == 2
    assert "cannot be stored" in refused.stderr
    assert made.stats()["requests_by_path"].get(ASYN) is None


@pytest.mark.slow
def test_three_years_come_with_two_commands_in_real_time(lab: Labs) -> None:
    made = lab(AT_ONCE, histories=YEARS)
    assert made("backfill").returncode == 0
    start = since(made, 1_095)
    done = made(*ask(made, 1_095))
    assert done.returncode == 0, done.stderr
    assert_equal_to_history(made, start, start + 1_094 * DAY)
    assert len(exports(made)) == 3
