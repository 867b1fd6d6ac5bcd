"""`archive import`: a row of the API always wins, what a file covers is archived, and a broken file stores nothing."""

from itertools import count
from pathlib import Path

import pytest

from etl.core.timeline import to_datetime
from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import Scenario
from tests.acceptance.archiving import assert_equal_to_history, order_file, rows, states
from tests.acceptance.lab import DAY, HOUR, Lab, Labs
from tests.archives import UID, WEB, own_cells, text, web_cells, zipped
from tests.forking import Process

IMPORT = ("archive", "import")
MAIN = ("--account", "main")
A_YEAR = 365 * DAY


def midnight(lab: Lab) -> int:
    return lab.now() // DAY * DAY


@pytest.fixture
def year(lab: Labs) -> Lab:
    """A database with what the API shows, of an account that is older."""
    made = lab(histories={"main": Generated(Profile("demo"), "archive", days=400)})
    assert made("backfill").returncode == 0
    return made


def test_a_year_is_stored_beside_what_the_api_gave(year: Lab, tmp_path: Path) -> None:
    end = midnight(year)
    file = order_file(year, tmp_path / "orders.zip", end - A_YEAR, end)
    before = year.table()
    done = year(*IMPORT, str(file), *MAIN)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    first, agreed, archived = done.stdout.splitlines()
    assert "force orders: stored" in first
    assert "stay as the API gave them" in first
    assert "agrees with the API on" in agreed
    assert "archived from" in archived
    assert_equal_to_history(year, end - A_YEAR + DAY, end)
    now = year.table()
    assert {key: now[key] for key in before} == before, "no row of the API changed"


def test_what_a_file_covers_is_archived_and_nothing_more(year: Lab, tmp_path: Path) -> None:
    end = midnight(year)
    year("archive", "import", str(order_file(year, tmp_path / "o.zip", end - 200 * DAY, end - 50 * DAY)), *MAIN)
    found = states(year, end - 210 * DAY, end - 10 * DAY)
    assert found["proven"] == 79
    assert found["archived"] >= 105
    assert found["partly"] == 1, "the day of the oldest row"
    assert found["never asked"] >= 9
    assert year("complete", "2020").returncode == 3


def test_the_page_and_the_views_show_archived_days(year: Lab, tmp_path: Path) -> None:
    end = midnight(year)
    year(*IMPORT, str(order_file(year, tmp_path / "o.zip", end - 200 * DAY, end)), *MAIN)
    of_views = year.sql("SELECT coverage, count(*) AS days FROM report_coverage GROUP BY coverage")
    assert {row["coverage"]: row["days"] for row in of_views}["archived"] > 100
    assert "archived" in year("report").stdout
    (file,) = year.sql("SELECT * FROM archive_files")
    assert (file["state"], file["format"], file["requested_at"]) == ("imported", "asyn", None)
    raw = year.sql("SELECT raw FROM force_orders WHERE source = 'archive' LIMIT 1")[0]["raw"]
    assert raw.keys() >= {"Uid", "Order No", "Client Order Id"}
    exported = tmp_path / "all.csv"
    assert year("export", "--out", str(exported)).returncode in (0, 3)
    assert ",archive" in exported.read_text()


def test_days_that_are_archived_are_not_complete_and_the_line_says_so(year: Lab, tmp_path: Path) -> None:
    end = midnight(year)
    year(*IMPORT, str(order_file(year, tmp_path / "o.zip", end - 200 * DAY, end)), *MAIN)
    day = year.sql(f"SELECT to_timestamp({end - 150 * DAY} / 1000.0)::date::text AS day")[0]["day"]
    done = year("complete", day)
    assert done.returncode == 3
    assert f"archived {day}" in done.stdout + done.stderr


def test_the_statement_tells_archived_days_from_proven_and_lost_ones(year: Lab, tmp_path: Path) -> None:
    end = midnight(year)
    year(*IMPORT, str(order_file(year, tmp_path / "o.zip", end - 200 * DAY, end)), *MAIN)
    days = [year.sql(f"SELECT to_timestamp({end - n * DAY} / 1000.0)::date::text AS day")[0]["day"] for n in (150, 40)]
    out = tmp_path / "statement.html"
    done = year("statement", "--from", days[0], "--until", days[1], "--out", str(out))
    assert done.returncode == 3
    assert f"main usdm archived {days[0]}.." in done.stdout
    assert "archived: files of the exchange" in out.read_text()
    assert 'class="archived"' in out.read_text()
    assert 'class="proven"' in out.read_text()


def test_a_dry_run_shows_the_same_and_stores_nothing(year: Lab, tmp_path: Path) -> None:
    end = midnight(year)
    file = str(order_file(year, tmp_path / "o.zip", end - A_YEAR, end))
    before = year.table()
    dry = year(*IMPORT, file, *MAIN, "--dry-run")
    assert dry.returncode == 0
    assert year.table() == before
    assert year.sql("SELECT * FROM archive_files") == []
    assert year.last_run()["command"] == "backfill"
    assert dry.stdout.replace("would store", "stored") == year(*IMPORT, file, *MAIN).stdout


def test_the_same_file_again_changes_nothing(year: Lab, tmp_path: Path) -> None:
    end = midnight(year)
    file = str(order_file(year, tmp_path / "o.zip", end - A_YEAR, end))
    year(*IMPORT, file, *MAIN)
    before = rows(year)
    again = year(*IMPORT, file, *MAIN)
    assert (again.returncode, again.stdout) == (0, "o.zip: imported before, as file 1; nothing changed\n")
    assert rows(year) == before


def test_an_api_row_that_comes_later_takes_the_place_of_the_archive_s(lab: Labs, tmp_path: Path) -> None:
    made = lab(histories={"main": Generated(Profile("demo"), "archive", days=80)})
    end = midnight(made)
    made(*IMPORT, str(order_file(made, tmp_path / "o.zip", end - 60 * DAY, end)), *MAIN)
    assert {row["source"] for row in rows(made).values()} == {"archive"}
    assert made("backfill").returncode == 0
    assert {row["source"] for row in rows(made).values()} == {"api"}
    revisions = made.sql("SELECT DISTINCT source, time_precision FROM force_order_revisions")
    assert revisions == [{"source": "archive", "time_precision": "s"}]
    assert made("verify").returncode == 0
    assert made("db", "check").returncode == 0


def test_a_database_with_archives_passes_every_check(year: Lab, tmp_path: Path) -> None:
    end = midnight(year)
    year(*IMPORT, str(order_file(year, tmp_path / "o.zip", end - A_YEAR, end)), *MAIN)
    checked = year("db", "check")
    assert checked.returncode == 0, checked.stdout
    assert year("sync").returncode == 0
    assert year("verify").returncode == 0
    assert year("db", "check").returncode == 0


def test_a_row_that_only_the_file_has_is_kept_and_named_also_on_a_sealed_day(year: Lab, tmp_path: Path) -> None:
    end = midnight(year)
    strange = end - 40 * DAY + HOUR
    forced = own_cells(strange, 77, **{"Client Order Id": f"autoclose-{strange}000001"})
    file = tmp_path / "strange.csv"
    file.write_text(text([own_cells(end - 50 * DAY), forced, own_cells(end - 39 * DAY)]), newline="")
    done = year(*IMPORT, str(file), *MAIN)
    assert done.returncode == 3
    assert "BTCUSDT 77 of" in done.stdout
    assert "the API did not show it" in done.stdout
    assert rows(year)["BTCUSDT", 77]["source"] == "archive"
    assert year("db", "check").returncode == 0
    assert year("sync").returncode == 0, "a row of a file is no evidence against the API"


def test_a_day_on_which_only_a_file_has_an_order_is_disputed_until_somebody_accepts_it(
    year: Lab, tmp_path: Path
) -> None:
    strange = midnight(year) - 40 * DAY + HOUR
    day = to_datetime(strange).date().isoformat()
    forced = own_cells(strange, 77, **{"Client Order Id": f"autoclose-{strange}000001"})
    file = tmp_path / "strange.csv"
    file.write_text(text([own_cells(strange - 9 * DAY), forced, own_cells(strange + DAY)]), newline="")
    assert year("complete", day).returncode == 0
    assert year(*IMPORT, str(file), *MAIN).returncode == 3
    done = year("complete", day)
    assert (done.returncode, f"disputed {day}" in done.stdout) == (3, True)
    order = ("--symbol", "BTCUSDT", "--order", "77", "--why", "the exchange's support confirmed it")
    assert year("coverage", "accept", *MAIN, *order).returncode == 0
    assert year("complete", day).returncode == 0


def test_a_file_that_lacks_orders_of_the_api_archives_nothing(year: Lab, tmp_path: Path) -> None:
    end = midnight(year)
    file = tmp_path / "thin.csv"
    file.write_text(text([own_cells(end - 200 * DAY), own_cells(end - 10 * DAY)]), newline="")
    done = year(*IMPORT, str(file), *MAIN)
    assert done.returncode == 3
    assert "the file lacks it" in done.stdout
    assert "no time is archived by it: it lacks orders that the API has" in done.stdout
    assert "archived" not in states(year, end - 210 * DAY, end)


def test_files_that_were_joined_archive_nothing_of_the_years_between_them(year: Lab, tmp_path: Path) -> None:
    end, file = midnight(year), tmp_path / "joined.csv"
    forced = [own_cells(end - days * DAY, days, **{"Client Order Id": f"autoclose-{days}"}) for days in (1_900, 150)]
    file.write_text(text(forced), newline="")
    done = year(*IMPORT, str(file), *MAIN)
    assert done.returncode == 0
    assert "2 new orders" in done.stdout
    assert "no time is archived by it: its rows span more than the year of a file" in done.stdout
    assert year.sql("SELECT * FROM coverage WHERE archived <> '{}'") == []


def test_a_row_of_a_clock_that_is_ahead_archives_nothing_that_is_still_to_come(lab: Labs, tmp_path: Path) -> None:
    made, file = lab(), tmp_path / "ahead.csv"
    made.sql("INSERT INTO coverage (account, market, symbol) VALUES ('main', 'usdm', '*') RETURNING 1")
    file.write_text(text([own_cells(made.now() - DAY, 1), own_cells(made.now() + HOUR // 2, 2)]), newline="")
    assert made(*IMPORT, str(file), *MAIN).returncode == 0
    (found,) = made.sql("SELECT max(upper(piece)) <= now() AS passed FROM coverage, unnest(archived) AS piece")
    assert found["passed"]


def test_a_file_of_the_web_page_adds_liquidations_and_archives_no_time(year: Lab, tmp_path: Path) -> None:
    end = midnight(year)
    file = order_file(year, tmp_path / "Binance(UTC--6)_x.zip", end - 200 * DAY, end, format="web", utc_offset=-6)
    done = year(*IMPORT, str(file), *MAIN)
    assert "no time is archived by it" in done.stdout
    archived = [row for row in rows(year).values() if row["source"] == "archive"]
    assert {row["close_type"] for row in archived} == {"LIQUIDATION"}
    expected = year.expected()
    assert all(row["order_ms"] == expected[key]["order_ms"] // 1_000 * 1_000 for key, row in rows(year).items()
               if row["source"] == "archive")  # fmt: skip
    assert year("db", "check").returncode == 0


BROKEN = {
    "renamed column": (Scenario(export_header="renamed"), "it lacks 'Order No'; it has besides 'Order ID'"),
    "new column": (Scenario(export_header="extra"), "it has besides 'Strategy Id'"),
    "exponents": (
        Scenario(export_ids="exponent", order_id_offset=8_389_766_251_307_928_000),
        "a spreadsheet has changed the file",
    ),
    "zeros": (
        Scenario(export_ids="zeros", order_id_offset=8_389_766_251_307_928_000),
        "a spreadsheet has rounded them",
    ),
    "two accounts": (Scenario(export_foreign_rows=3), "the file mixes accounts"),
    "cut row": (Scenario(export_cut="csv", export_container="bare"), "cut off"),
    "cut row in a ZIP": (Scenario(export_cut="csv"), "the file is cut off or changed"),
    "cut ZIP": (Scenario(export_cut="file"), "cut off or damaged"),
    "cut gzip": (Scenario(export_cut="file", export_container="gzip"), "cut off or damaged"),
}


@pytest.mark.parametrize(("scenario", "said"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_one_clear_line_and_stores_nothing(
    lab: Labs, tmp_path: Path, scenario: Scenario, said: str
) -> None:
    made = lab(scenario, histories={"main": Generated(Profile("demo"), "archive", days=150)})
    end = midnight(made)
    file = order_file(made, tmp_path / "broken", end - 120 * DAY, end)
    done = made(*IMPORT, str(file), *MAIN)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("force-orders: broken: ")
    assert said in line
    assert line.endswith("nothing of it was stored")
    for table in ("force_orders", "archive_files", "coverage"):
        assert made.sql(f"SELECT * FROM {table}") == []


def test_a_broken_file_keeps_no_other_from_being_stored(year: Lab, tmp_path: Path) -> None:
    end = midnight(year)
    broken, whole = tmp_path / "broken.csv", order_file(year, tmp_path / "o.zip", end - 200 * DAY, end)
    broken.write_text("No data matches the criteria.\r\n")
    done = year(*IMPORT, str(broken), str(whole), *MAIN)
    assert done.returncode == 2
    assert "No data matches the criteria" in done.stderr
    assert [row["state"] for row in year.sql("SELECT state FROM archive_files")] == ["imported"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_import_that_dies_at_any_commit_stores_a_file_as_a_whole_or_not_at_all(
    year: Lab, tmp_path: Path, moment: str
) -> None:
    end = midnight(year)
    file = order_file(year, tmp_path / "o.zip", end - A_YEAR, end)
    year(*IMPORT, str(file), *MAIN)
    whole = {key for key, row in rows(year).items() if row["source"] == "archive"}
    for number in count(1):
        for table in ("archive_files", "force_orders WHERE source = 'archive'"):
            year.sql(f"DELETE FROM {table} RETURNING 1")
        prepare = ("tests.chaos.dying:die_at", [number, moment])
        arguments = (*IMPORT, str(file), *MAIN)
        died = Process(arguments, year.command.directory, year.command.environment, prepare=prepare).end()
        if died.returncode == 0:
            break
        found = {key for key, row in rows(year).items() if row["source"] == "archive"}
        assert found in (set(), whole)
        assert len(year.sql("SELECT * FROM archive_files")) == bool(found)
        assert year(*IMPORT, str(file), *MAIN).returncode == 0
        assert {key for key, row in rows(year).items() if row["source"] == "archive"} == whole
    assert number > 2


def refused(lab: Lab, path: Path, content: str | bytes, *options: str) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    done = lab(*IMPORT, str(path), *(options or MAIN))
    assert (done.returncode, done.stdout) == (2, ""), done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def test_what_is_no_order_file_is_refused_in_one_line(year: Lab, tmp_path: Path) -> None:
    noon, file = midnight(year) - 20 * DAY, tmp_path / "file"
    forced = own_cells(noon, 8, **{"Client Order Id": "autoclose-1"})
    assert "nothing says of which time zone" in refused(year, file, text([web_cells(own_cells(noon))], WEB))
    assert "holds 0 files instead of one" in refused(year, file, b"PK\x05\x06" + bytes(18))
    assert "this is a workbook" in refused(year, file, zipped("x", "[Content_Types].xml"))
    assert "no UTF-8 text" in refused(year, file, text([forced]).encode("utf-16"))
    assert "symbol of COIN-M futures" in refused(year, file, text([forced | {"Symbol": "BTCUSD_PERP"}]))
    assert "symbol of COIN-M futures" in refused(year, file, text([own_cells(noon) | {"Symbol": "BTCUSD_PERP"}]))
    assert "lies outside" in refused(year, file, text([own_cells(year.now() + 30 * DAY)]))
    assert "lies outside" in refused(year, file, text([own_cells(1_500_000_000_000)]))
    for year_of_update in ("2015", "2099"):
        updated = forced | {"Update Time": f"{year_of_update}-01-01 00:00:00"}
        assert f"an update of {year_of_update}" in refused(year, file, text([updated]))
    assert "symbol of USDⓈ-M futures" in refused(year, file, text([forced]), *MAIN, "--market", "coinm")
    assert "no order files of margin" in refused(year, file, text([forced]), *MAIN, "--market", "margin")
    assert "no account" in refused(year, file, text([forced]), "--account", "nobody")
    assert "there is no time zone" in refused(year, file, text([forced]), *MAIN, "--time-zone", "Mars")
    gone = year(*IMPORT, str(tmp_path / "gone"), str(tmp_path), *MAIN)
    assert (gone.returncode, gone.stderr.count("cannot be read: ")) == (2, 2)


def test_a_file_of_another_account_is_refused_once_one_was_imported(year: Lab, tmp_path: Path) -> None:
    noon, file = midnight(year) - 200 * DAY, tmp_path / "file"
    forced = own_cells(noon, 8, **{"Client Order Id": "autoclose-1"})
    file.write_text(text([forced]))
    assert year(*IMPORT, str(file), *MAIN).returncode == 0
    assert "its Uid is of another account" in refused(year, file, text([forced | {"Uid": UID + "1"}]))
    year.sql("INSERT INTO coverage (account, market, symbol) VALUES ('second', 'usdm', '*') RETURNING 1")
    assert "its Uid is of account main" in refused(year, file, text([forced]), "--account", "second")


def test_forgetting_the_account_forgets_its_files(year: Lab, tmp_path: Path) -> None:
    end = midnight(year)
    year(*IMPORT, str(order_file(year, tmp_path / "o.zip", end - 200 * DAY, end)), *MAIN)
    owner = {"FORCE_ORDERS_DATABASE_URL": year.database_url}
    done = year("accounts", "forget", "main", "--why", "test", "--yes", **owner)
    assert done.returncode == 0, done.stderr
    assert year.sql("SELECT * FROM archive_files") == []
