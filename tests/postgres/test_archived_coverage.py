"""What files cover is a kind of its own: it fills gaps beyond retention, and proves nothing."""

from collections.abc import Sequence
from typing import Any

import pytest
from alembic import command as alembic
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from etl.core.archive.reading import read_file
from etl.core.findings import Finding, Verdict
from etl.core.markets import USDM
from etl.core.timeline import DAY, HOUR, Window, to_datetime
from etl.store import archived_orders, archived_time, coverage, migrate
from etl.store import orders as api_orders
from etl.store.upserting import Change
from tests.archives import cells
from tests.archives import text as file_text
from tests.documented import ROW
from tests.postgres.samples import ACCOUNT, page, proven, row

START = 1_772_323_200_000
"""The first of March 2026."""
SYMBOL, ORDER_ID = str(ROW["symbol"]), int(ROW["orderId"])
KEY = (SYMBOL, ORDER_ID)


def day(number: int) -> int:
    return START + (number - 1) * DAY


def record(connection: Connection, *found: Finding, archived: Sequence[Window] = ()) -> None:
    coverage.ask(connection, ACCOUNT, USDM, None, day(1))
    coverage.record(connection, ACCOUNT, USDM, [*found])
    if archived:
        archived_time.add(connection, ACCOUNT, USDM, archived)
    connection.commit()


def lost(first: int, last: int) -> Finding:
    return Finding(Window(day(first), day(last + 1)), Verdict.BEYOND_RETENTION)


def gaps(connection: Connection) -> list[tuple[int, int, str]]:
    rows = connection.execute(
        text("""
        SELECT extract(epoch FROM gap_start) * 1000 AS a, extract(epoch FROM gap_end) * 1000 AS b, reason
          FROM coverage_gaps WHERE symbol = '*' ORDER BY gap_start, reason""")
    ).all()
    return [(int(row.a), int(row.b), row.reason) for row in rows]


def states(connection: Connection) -> list[str]:
    of_days = text("SELECT state FROM report_completeness('2026-03-01', '2026-03-07')")
    return list(connection.scalars(of_days))


def test_a_gap_beyond_retention_shrinks_to_what_neither_covers(connection: Connection) -> None:
    record(connection, lost(1, 4), proven(day(5), day(8)), archived=[Window(day(2), day(4))])
    assert gaps(connection) == [
        (day(1), day(2), "beyond_retention"),
        (day(4), day(5), "beyond_retention"),
    ]
    assert states(connection) == ["beyond retention", "archived", "archived", "beyond retention", *["proven"] * 3]


def test_what_the_api_could_still_prove_stays_a_gap(connection: Connection) -> None:
    record(connection, proven(day(1), day(2)), proven(day(3), day(8)), archived=[Window(day(2), day(3))])
    assert gaps(connection) == [(day(2), day(3), "not_fetched")]
    assert states(connection)[:3] == ["proven", "archived", "proven"]


def test_a_dispute_or_an_unreadable_row_is_not_hidden_by_an_archive(connection: Connection) -> None:
    disputed = Finding(Window(day(2), day(2) + HOUR), Verdict.DISPUTED)
    record(connection, lost(1, 2), disputed, proven(day(4), day(8)), archived=[Window(day(1), day(4))])
    assert (day(2), day(2) + HOUR, "disputed") in gaps(connection)
    assert states(connection)[:3] == ["archived", "disputed", "archived"]


def test_a_day_between_proof_and_archive_is_archived_and_half_a_day_is_partly(connection: Connection) -> None:
    noon = day(2) + 12 * HOUR
    record(connection, proven(noon, day(8)), archived=[Window(day(1) + HOUR, noon)])
    assert states(connection)[:3] == ["partly", "archived", "proven"]


def test_an_archive_moves_no_watermark(connection: Connection) -> None:
    record(connection, proven(day(3), day(5)), archived=[Window(day(1), day(3)), Window(day(5), day(7))])
    mark = connection.execute(text("SELECT watermark, covered_since FROM watermarks WHERE symbol = '*'")).one()
    assert tuple(mark) == (to_datetime(day(5)), to_datetime(day(3)))


def test_each_day_of_the_page_tells_what_is_archived(connection: Connection) -> None:
    record(connection, proven(day(3), day(5)), archived=[Window(day(1), day(3))])
    days = connection.scalars(text("SELECT coverage FROM report_coverage ORDER BY day LIMIT 5"))
    assert list(days) == ["archived", "archived", "proven", "proven", "not"]
    shown = connection.scalar(text("SELECT archived::text FROM report_archives"))
    assert shown == '{["2026-03-01 00:00:00+00","2026-03-03 00:00:00+00")}'


def archive(connection: Connection, file_id: int = 1, **changes: str) -> Change | None:
    """Store the order as a file has it."""
    lines = file_text([cells(dict(ROW), **changes)]).splitlines(keepends=True)
    found = [*read_file(lines).orders.values()]
    written = archived_orders.upsert(connection, ACCOUNT, USDM, 7, file_id, found)
    connection.commit()
    return written.get(KEY)


def stored(connection: Connection) -> dict[str, Any]:
    (found,) = connection.execute(text("SELECT * FROM force_orders")).mappings()
    connection.rollback()
    return dict(found)


def test_the_columns_of_an_archived_order_are_what_the_file_has_and_null_what_it_lacks(connection: Connection) -> None:
    assert archive(connection) is Change.INSERTED
    found = stored(connection)
    api_orders.upsert(connection, "other", USDM, 1, page(row()).orders)
    other = connection.execute(text("SELECT * FROM force_orders WHERE account = 'other'")).mappings().one()
    lacking = {"reduce_only", "close_position", "working_type", "orig_type"}
    assert {found[name] for name in lacking} == {None}
    own = {*lacking, "account", "raw", "order_time", "update_time", "first_run_id", "last_run_id", "source"}
    own |= {"time_precision", "archive_file_id", "first_seen_at", "changed_at", "pair", "cum_base"}
    assert {k: v for k, v in found.items() if k not in own} == {k: v for k, v in other.items() if k not in own}
    assert (found["source"], found["time_precision"], found["archive_file_id"]) == ("archive", "s", 1)
    assert found["order_time"] == other["order_time"].replace(microsecond=0)
    assert found["raw"]["Order No"] == str(ORDER_ID)


def test_a_row_of_the_api_takes_the_place_of_an_archive_s_whatever_its_time(connection: Connection) -> None:
    archive(connection, 1, **{"Update Time": "2030-01-01 00:00:00"})
    changes = api_orders.upsert(connection, ACCOUNT, USDM, 8, page(row()).orders)
    assert changes == {KEY: Change.UPDATED}
    found = stored(connection)
    assert (found["source"], found["time_precision"], found["archive_file_id"]) == ("api", "ms", None)
    assert found["orig_type"] == ROW["origType"]


def test_an_archive_never_takes_the_place_of_a_row_of_the_api(connection: Connection) -> None:
    api_orders.upsert(connection, ACCOUNT, USDM, 1, page(row()).orders)
    connection.commit()
    before = stored(connection)
    assert archive(connection, 1, **{"Update Time": "2030-01-01 00:00:00"}) is None
    assert stored(connection) == before


def test_a_later_file_takes_the_place_of_an_earlier_one_by_its_update_time(connection: Connection) -> None:
    assert archive(connection, 1, Status="NEW", **{"Update Time": "2020-08-01 00:00:00"}) is Change.INSERTED
    assert archive(connection, 2, Status="FILLED", **{"Update Time": "2020-08-01 00:00:05"}) is not None
    assert archive(connection, 3, Status="NEW", **{"Update Time": "2020-08-01 00:00:01"}) is None
    found = stored(connection)
    assert (found["status"], found["archive_file_id"]) == ("FILLED", 2)


def test_a_downgrade_leaves_no_version_of_an_order_that_it_took(connection: Connection) -> None:
    archive(connection, 1, Status="NEW", **{"Update Time": "2020-08-01 00:00:00"})
    archive(connection, 2, Status="FILLED", **{"Update Time": "2020-08-01 00:00:05"})
    connection.commit()
    config = Config()
    config.set_main_option("script_location", str(migrate.migrations_dir()))
    config.attributes["connection"] = connection
    alembic.downgrade(config, "0028")
    assert connection.scalar(text("SELECT count(*) FROM force_orders")) == 0
    assert connection.scalar(text("SELECT count(*) FROM force_order_revisions")) == 0


@pytest.mark.parametrize("change", ["source = 'api'", "time_precision = 'ms'", "archive_file_id = NULL"])
def test_the_database_refuses_a_pedigree_that_does_not_fit(connection: Connection, change: str) -> None:
    archive(connection)
    with pytest.raises(IntegrityError, match="force_orders_archive_file_id_check"):
        connection.execute(text(f"UPDATE force_orders SET {change}"))
    connection.rollback()


def test_rows_of_files_are_no_evidence_for_or_against_a_page(connection: Connection) -> None:
    archive(connection)
    whole = Window(int(ROW["time"]) - DAY, int(ROW["time"]) + DAY)
    assert api_orders.between(connection, ACCOUNT, USDM, None, whole) == []
    assert api_orders.times_between(connection, ACCOUNT, USDM, None, whole) == []
    assert api_orders.lasting_between(connection, ACCOUNT, USDM, None, whole) == []
    assert api_orders.sums(connection, ACCOUNT, USDM, [(None, whole)]) == [(0, 0)]
    assert api_orders.hull(connection, ACCOUNT, USDM) is None
