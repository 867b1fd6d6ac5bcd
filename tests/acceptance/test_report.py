"""`force-orders report` as a user types it: totals that are the exchange's own, a file that is whole or not there."""

import os
import re
import subprocess
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from etl.errors import OutputError
from etl.reporting.files import atomic_write
from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import Scenario
from tests.acceptance.endings import assert_one_line
from tests.acceptance.lab import DAY, Lab, Labs, order_row
from tests.acceptance.reporting import page_data
from tests.acceptance.several_accounts import two_accounts

NO_KEY = {"BINANCE_API_KEY": "", "BINANCE_API_SECRET": ""}
TITLES = ("by month and close type", "by symbol", "largest cascades", "coverage", "largest orders")
START = "start with: force-orders backfill"


def read_history(lab: Labs) -> Lab:
    demo = lab()
    assert demo("backfill").returncode == 0
    return demo


def lines_of(stdout: str) -> list[str]:
    return [line.rstrip() for line in stdout.splitlines()]


def rows_of(stdout: str, title: str) -> list[list[str]]:
    """The cells of a printed table, head left out; a cell of several words counts as several."""
    lines = lines_of(stdout)
    rows = []
    for line in lines[lines.index(title) + 2 :]:
        if line in TITLES or re.fullmatch(r"by symbol \(.*\)", line):
            break
        rows.append(line.split())
    return rows


def shown(value: Decimal) -> str:
    """With thousands separators and without zeros at the end."""
    whole, _, fraction = f"{value:,f}".partition(".")
    return f"{whole}.{fraction.rstrip('0')}" if fraction.strip("0") else whole


def of_history(lab: Lab) -> list[dict[str, Any]]:
    """What the simulator knows of the orders that are stored, worked out without the database."""
    since = int(lab.watermark()["covered_since"].timestamp() * 1000)
    found = []
    for row in lab.expected(since).values():
        notional = row["cum_quote"] or str(Decimal(row["executed_qty"]) * Decimal(row["avg_price"]))
        (asset,) = [asset for asset in ("USDT", "USDC") if row["symbol"].endswith(asset)]
        at = datetime.fromtimestamp(row["order_ms"] / 1000, UTC)
        found.append(row | {"notional": Decimal(notional), "asset": asset, "month": f"{at:%Y-%m}"})
    return found


def test_the_totals_of_months_and_symbols_equal_the_exchanges_own_history_to_the_digit(lab: Labs) -> None:
    demo = read_history(lab)
    orders = of_history(demo)
    by_month: dict[tuple[str, ...], list[Decimal]] = defaultdict(list)
    by_symbol: dict[tuple[str, ...], list[Decimal]] = defaultdict(list)
    for one in orders:
        by_month[one["month"], one["close_type"], one["asset"]].append(one["notional"])
        by_symbol[one["symbol"], one["asset"]].append(one["notional"])
    done = demo("report", **NO_KEY)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{len(orders)} orders of main from ")
    assert rows_of(done.stdout, "by month and close type") == [
        [*key, str(len(some)), shown(sum(some, Decimal()))] for key, some in sorted(by_month.items())
    ]
    assert {(row[0], row[1]): (row[2], row[4]) for row in rows_of(done.stdout, "by symbol")} == {
        key: (str(len(some)), shown(sum(some, Decimal()))) for key, some in by_symbol.items()
    }


def test_the_largest_orders_and_the_days_are_the_exchanges_own(lab: Labs) -> None:
    demo = read_history(lab)
    largest = sorted(of_history(demo), key=lambda one: -one["notional"])[:10]
    now = demo.now()
    printed = demo("report", "--until", str(now)).stdout
    assert [(row[1], row[2]) for row in rows_of(printed, "largest orders")] == [
        (one["symbol"], str(one["order_id"])) for one in largest
    ]
    ((account, _, *lost_next, proven, partly, missing),) = rows_of(printed, "coverage")
    marks = demo.watermark()
    read_since, read_until = marks["covered_since"].astimezone(UTC), marks["watermark"].astimezone(UTC)
    today = datetime.fromtimestamp(now / 1000, UTC).date()
    assert (account, int(proven) + int(partly) + int(missing)) == ("main", (today - read_since.date()).days + 1)
    nothing_of_today_yet = read_until.date() < today
    assert (partly, missing) == ("2", "1" if nothing_of_today_yet else "0")
    assert lost_next[:2] == [f"{read_until:%Y-%m-%d}", "in"], "what follows is what the exchange forgets next"


def test_since_and_until_cut_the_report_to_the_millisecond(lab: Labs) -> None:
    few = lab(histories={"main": []})
    at = few.now() - 10 * DAY
    few.tell("orders", [order_row("BTCUSDT", n, at + n) for n in range(5)])
    assert few("backfill").returncode == 0
    assert few("report", "--since", str(at + 1), "--until", str(at + 4)).stdout.startswith("3 orders of main from ")
    assert few("report", "--until", str(at)).stdout.startswith("no order of main from ")
    nothing = few("report", "--since", "2020-01-01", "--until", "2020-01-31")
    assert nothing.stdout.startswith(f"nothing is stored from 2020-01-01T00:00Z to 2020-02-01T00:00Z; {START}\n")
    assert rows_of(nothing.stdout, "coverage") == [["main", "–", "–", "0", "0", "0", "31"]]


def test_the_page_holds_every_order_and_takes_its_name_at_once(lab: Labs) -> None:
    demo = read_history(lab)
    file = demo.command.directory / "report.html"
    file.write_text("an older one")
    done = demo("report", "--html", "report.html", **NO_KEY)
    assert (done.returncode, done.stderr) == (0, "")
    count, size = len(demo.table()), file.stat().st_size
    assert done.stdout == f"wrote report.html ({count} orders, {size / 1000:,.0f} kB)\n"
    data = page_data(file.read_text(encoding="utf-8"))
    assert sum(row[6] for row in data["daily"]) == sum(row[7] for row in data["hours"]) == count
    assert {"proven", "partly"} <= {row[3] for row in data["coverage"]}
    assert list(demo.command.directory.iterdir()) == [file], "nothing else is left"


def test_months_and_days_of_tables_and_page_are_those_of_the_zone(lab: Labs) -> None:
    few = lab(histories={"main": []})
    month = datetime.fromtimestamp(few.now() / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last = month - timedelta(hours=5)  # the new month has begun in Tokyo, and not in New York
    few.tell("orders", [order_row("BTCUSDT", 1, int(last.timestamp() * 1000))])
    assert few("backfill").returncode == 0
    for zone, months in (("America/New_York", last), ("Asia/Tokyo", month)):
        printed = few("report", "--tz", zone)
        assert rows_of(printed.stdout, "by month and close type")[0][0] == f"{months:%Y-%m}"
        assert printed.stdout.splitlines()[0].endswith(f"; months and days are those of {zone}")
        data = page_data(few("report", "--html", "-", FORCE_ORDERS_TIME_ZONE=zone).stdout)
        local = last.astimezone(ZoneInfo(zone))
        assert (data["time_zone"], data["daily"][0][5]) == (zone, f"{local:%Y-%m-%d}")
        assert data["hours"] == [[0, 0, 0, 0, 0, local.weekday(), local.hour, 1]]
    refused = few("report", "--tz", "Mars/Base")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)


def test_terminal_and_page_say_of_the_span_what_the_command_complete_says(lab: Labs) -> None:
    demo = read_history(lab)
    since, until = demo.now() - 20 * DAY, demo.now() - 10 * DAY
    days = [f"{datetime.fromtimestamp(instant / 1000, UTC):%Y-%m-%d}" for instant in (since, until - 1)]
    for chosen in ([], ["--account", "main"], ["--market", "usdm"], ["--tz", "Asia/Tokyo"]):
        span = ["--since", days[0], "--until", days[1], *chosen]
        said = demo("complete", "..".join(days), *chosen)
        printed = demo("report", *span)
        data = page_data(demo("report", *span, "--html", "-").stdout)
        if chosen[:1] == ["--tz"]:  # the days of UTC are no days of Tokyo: the last one lies in two
            (line,) = [line for line in printed.stdout.splitlines() if line.startswith("complete: ")]
            assert f"{days[0]}..{days[1][:8]}" in line
            assert "(Asia/Tokyo)" in line
        else:
            assert printed.stdout.splitlines()[1] == said.stdout.strip()
            assert data["verdicts"][0] == [None, None, said.returncode == 0, said.stdout.strip()]


def test_an_account_that_was_never_read_leaves_the_report_incomplete(lab: Labs) -> None:
    both = two_accounts(lab)
    assert both("backfill", "--account", "main").returncode == 0
    line = both("report", NO_COLOR="1").stdout.splitlines()[1]
    assert line.startswith("not complete: ")
    assert "account2" in line
    assert "account2" not in both("report", "--account", "main").stdout


def test_a_market_of_which_nothing_is_known_is_never_complete(lab: Labs) -> None:
    demo = read_history(lab)
    line = demo("report", "--market", "coinm").stdout.splitlines()[1]
    assert line.startswith("not complete: ")
    assert "main" in line
    data = page_data(demo("report", "--market", "coinm", "--html", "-").stdout)
    assert (data["markets"], data["verdicts"][0][2:]) == ([], [False, line])


def test_a_report_asks_the_exchange_nothing(lab: Labs) -> None:
    demo = lab(Scenario(), histories={"main": Generated(Profile("quiet"))})
    assert demo("backfill").returncode == 0
    asked = demo.stats()["requests"]
    assert demo("report").returncode == 0
    assert demo("report", "--html", "-").returncode == 0
    assert demo.stats()["requests"] == asked


def test_a_page_to_stdout_is_nothing_but_the_page_and_may_be_left_half_read(lab: Labs) -> None:
    few = lab(histories={"main": []})
    few.tell("orders", [order_row("币安人生USDT", 1, few.now() - DAY)])
    assert few("backfill").returncode == 0
    done = few.command.cold("report", "--html", "-", LANG="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.lower().startswith("<!doctype html>")
    assert page_data(done.stdout)["symbols"] == ["币安人生USDT"]
    reader = few.command.start("report", "--html", "-")
    assert reader.stdout is not None
    assert reader.stdout.read(10)
    reader.stdout.close()
    assert reader.stderr is not None
    assert reader.stderr.read() == ""
    reader.stderr.close()
    assert reader.wait(timeout=60) == 0


def test_an_empty_database_says_how_to_start_and_still_has_a_page(lab: Labs) -> None:
    empty = lab(histories={"main": []})
    done = empty("report", **NO_KEY)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"nothing is stored from \S+ to \S+; {START}\n", done.stdout)
    assert empty("report", "--html", "report.html").returncode == 0
    assert page_data((empty.command.directory / "report.html").read_text(encoding="utf-8"))["accounts"] == []


def test_a_history_without_orders_shows_its_days(lab: Labs) -> None:
    quiet = lab(histories={"main": []})
    assert quiet("backfill").returncode == 0
    printed = quiet("report").stdout
    assert printed.startswith("no order of main from ")
    assert [title for title in TITLES if title in lines_of(printed)] == ["coverage"]


def test_one_account_alone_can_be_reported_and_an_unknown_one_is_refused_by_name(lab: Labs) -> None:
    both = two_accounts(lab)
    assert_one_line(both("report", "--account", "main"), 2, "'main'", "nothing is stored yet")
    assert both("backfill").returncode == 0
    assert both("report").stdout.startswith("2 orders of account2, main from ")
    assert both("report", "--account", "account2").stdout.startswith("1 order of account2 from ")
    assert_one_line(both("report", "--account", "nobody"), 2, "'nobody'", "account2, main")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "yesterday"], ["yesterday", "90d"]),
        (["--since", "2026-02-02", "--until", "2026-02-01"], ["--since", "--until"]),
        (["--until", "2099-01-01"], ["--until", "future"]),
    ],
)
def test_a_wrong_span_is_one_line_before_the_database_is_opened(
    lab: Labs, arguments: list[str], words: list[str]
) -> None:
    nowhere = {"FORCE_ORDERS_DATABASE_URL": "postgresql://user:pa55word@127.0.0.1:1/none"}
    assert_one_line(lab(histories={"main": []})("report", *arguments, **nowhere), 2, *words)


UNWRITABLE = {
    "a directory": ("folder", "Is a directory"),
    "in a directory that is not there": ("nowhere/report.html", "No such file or directory"),
    "in a file": ("file/report.html", "Not a directory"),
    "a full device": ("/dev/full", "No space left on device"),
    "a name that is too long": ("x" * 300, "File name too long"),
}


@pytest.mark.parametrize(("file", "why"), UNWRITABLE.values(), ids=UNWRITABLE.keys())
def test_a_file_that_cannot_be_written_is_one_line(lab: Labs, file: str, why: str) -> None:
    empty = lab(histories={"main": []})
    (empty.command.directory / "folder").mkdir()
    (empty.command.directory / "file").touch()
    done = empty("report", "--html", file)
    assert_one_line(done, 1, f"{file} cannot be written: {why}")
    assert done.stdout == ""
    assert {path.name for path in empty.command.directory.rglob("*")} == {"folder", "file"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_the_right_to_write_is_one_line(lab: Labs) -> None:
    empty = lab(histories={"main": []})
    (empty.command.directory / "folder").mkdir(mode=0o500)
    assert_one_line(empty("report", "--html", "folder/report.html"), 1, "folder/report.html", "Permission denied")


def test_a_page_that_does_not_fit_leaves_the_older_one_as_it_was(lab: Labs) -> None:
    empty = lab(histories={"main": []})
    file = empty.command.directory / "report.html"
    file.write_text("an older one")
    limited = ["sh", "-c", 'ulimit -f 100; exec "$@"', "sh", *empty.command.words("report", "--html", "report.html")]
    done = subprocess.run(
        limited,
        cwd=empty.command.directory,
        env=empty.command.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert_one_line(done, 1, "report.html cannot be written: File too large")
    assert file.read_text() == "an older one"
    assert list(empty.command.directory.iterdir()) == [file]


def test_whatever_fails_while_a_file_is_written_leaves_no_trace_of_it(tmp_path: Path) -> None:
    file = tmp_path / "report.html"

    def fail_half_way(failure: BaseException) -> None:
        with atomic_write(file) as half:
            half.write(b"half")
            assert not file.exists()
            raise failure

    for failure in (KeyboardInterrupt(), RuntimeError()):
        with pytest.raises(type(failure)):
            fail_half_way(failure)
    assert list(tmp_path.iterdir()) == []
    with atomic_write(file) as whole:
        whole.write(b"whole")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("report.html", b"whole")]
    with pytest.raises(OutputError, match="cannot be written: Is a directory"), atomic_write(tmp_path):
        pytest.fail("nothing is to be written")
