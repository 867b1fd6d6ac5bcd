"""An export of nothing is an answer only where it was asked for: else the file that is there stays as it is."""

from pathlib import Path

import psycopg
import pytest

from tests.acceptance.endings import assert_one_line
from tests.acceptance.exporting import exporting, put
from tests.acceptance.lab import ask
from tests.command import Command


@pytest.fixture
def export(command: Command, writer_url: str) -> Command:
    return exporting(command, writer_url)


def put_a_file(export: Command) -> Path:
    old = export.directory / "orders.csv"
    old.write_text("what was here before")
    return old


def test_a_symbol_that_is_not_stored_ends_with_2_and_names_the_nearest(export: Command, database_url: str) -> None:
    old = put_a_file(export)
    words = ("export", "--out", old.name)
    assert_one_line(export(*words, "--symbol", "BTC"), 2, "no symbol BTC is stored, nor any other", "backfill")
    put(database_url, symbol="BTCUSDT")
    ask(database_url)
    ask(database_url, symbol="BTCUSDT")
    ask(database_url, symbol="ETHUSDT")
    ask(database_url, account="desk", symbol="XRPUSDT")
    assert_one_line(export(*words, "--symbol", "BTC"), 2, "no symbol BTC is stored; did you mean BTCUSDT?")
    assert_one_line(export(*words, "--symbol", "BTCUSDT,ETH"), 2, "no symbol ETH is stored; did you mean ETHUSDT?")
    nothing_near = "no symbol WIF is stored; there are BTCUSDT, ETHUSDT, XRPUSDT"
    assert_one_line(export(*words, "--symbol", "WIF"), 2, nothing_near)
    assert_one_line(export(*words, "--symbol", "XRPUSDT", "--account", "main"), 2, "no symbol XRPUSDT is stored")
    assert old.read_text() == "what was here before"
    assert export(*words, "--symbol", "ETHUSDT").stderr == "force-orders: exported 0 orders to orders.csv\n"
    assert old.read_text().count("\n") == 1


def test_a_span_that_was_never_asked_for_ends_with_2_and_says_what_was(export: Command, database_url: str) -> None:
    old = put_a_file(export)
    words = ("export", "--out", old.name)
    assert_one_line(export(*words), 2, "nothing was read yet; start with: force-orders backfill")
    ask(database_url)
    for span in (["--until", "2026-07-31"], ["--since", "2026-09-01"]):
        done = export(*words, *span)
        assert_one_line(
            done, 2, "was ever requested; history was requested from 2026-08-01T00:00Z to 2026-09-01T00:00Z"
        )
    assert old.read_text() == "what was here before"
    done = export(*words, "--since", "2026-08-31", "--until", "2026-09-15")
    unproven = "2026-08-31..2026-09-15 (UTC): main usdm not 2026-09-01..2026-09-15"
    named = f"force-orders: exported 0 orders to orders.csv\nforce-orders: not complete: {unproven}\n"
    assert (done.returncode, done.stderr) == (0, named)
    assert old.read_text().count("\n") == 1


def test_a_span_that_is_nothing_but_a_gap_ends_with_2(export: Command, database_url: str) -> None:
    old = put_a_file(export)
    ask(database_url)
    with psycopg.connect(database_url) as owner:
        owner.execute("UPDATE coverage SET proven = '{}', beyond_retention = proven")
    done = export("export", "--out", old.name, "--since", "2026-08-10", "--until", "2026-08-20")
    assert_one_line(done, 2, "nothing from 2026-08-10T00:00Z to 2026-08-21T00:00Z is proven", "force-orders status")
    assert old.read_text() == "what was here before"
