"""What each check of doctor makes of what it is given: fine, or what to do."""

from datetime import UTC, datetime, timedelta

import pytest

from etl.commands import doctor_checks
from etl.commands.doctor_checks import CheckResult, Status
from etl.commands.key_checks import KeyCheck
from etl.store.runs import Total

NOW = datetime(2026, 9, 1, tzinfo=UTC)


def night(status: str, **ago: float) -> Total:
    return Total("sync", status, 1, 1, 50, NOW - timedelta(**ago))


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (doctor_checks.of_python((3, 11, 0)), Status.OK),
        (doctor_checks.of_python((3, 10, 9)), Status.FAILED),
        (doctor_checks.of_directory("/data", None, None), Status.OK),
        (doctor_checks.of_directory("/data", None, 0o755), Status.OK),
        (doctor_checks.of_directory("/data", None, 0o775), Status.WARNING),
        (doctor_checks.of_directory("/data", "this user may not write to /", None), Status.FAILED),
        (doctor_checks.of_disk({"/data": 1 << 30}), Status.OK),
        (doctor_checks.of_disk({"/data": (1 << 30) - 1}), Status.WARNING),
        (doctor_checks.of_disk({"/data": (100 << 20) - 1}), Status.FAILED),
        (doctor_checks.of_disk({"/data": 1 << 30, "/var/lib/force-orders": 1 << 20}), Status.FAILED),
        (doctor_checks.of_schema("0007", "0007", is_embedded=False), Status.OK),
        (doctor_checks.of_schema("0006", "0007", is_embedded=True), Status.OK),
        (doctor_checks.of_schema("0006", "0007", is_embedded=False), Status.FAILED),
        (doctor_checks.of_schema(None, "0007", is_embedded=False), Status.FAILED),
        (doctor_checks.of_schema("0008", "0007", is_embedded=True), Status.FAILED),
        (doctor_checks.of_schema("a1b2", "0007", is_embedded=True), Status.FAILED),
        (doctor_checks.of_rights([], is_read_only=False), Status.OK),
        (doctor_checks.of_rights(["INSERT ON runs"], is_read_only=False), Status.FAILED),
        (doctor_checks.of_rights([], is_read_only=True), Status.FAILED),
        (doctor_checks.of_clock(999, 0), Status.OK),
        (doctor_checks.of_clock(1_000, 0), Status.WARNING),
        (doctor_checks.of_clock(2_500, 2_500), Status.OK),  # as far off as the response was slow
        (doctor_checks.of_clock(3_500, 2_500), Status.WARNING),
        (doctor_checks.of_clock(-1_000, 2_500), Status.WARNING),
        (doctor_checks.of_clock(None, 0), Status.WARNING),
        (doctor_checks.of_account(KeyCheck("main", "fine"), []), Status.OK),
        (doctor_checks.of_account(KeyCheck("main", "fine"), ["/k"]), Status.WARNING),
        (doctor_checks.of_account(KeyCheck("main", "refused", "no", "look"), ["/k"]), Status.FAILED),
        (doctor_checks.of_schedule([], NOW), Status.WARNING),
        (doctor_checks.of_schedule([night("succeeded", days=2)], NOW), Status.OK),
        (doctor_checks.of_schedule([night("succeeded", days=2, seconds=1)], NOW), Status.WARNING),
        (doctor_checks.of_schedule([night("succeeded", days=3), night("incomplete", hours=1)], NOW), Status.FAILED),
        (doctor_checks.of_schedule([night("succeeded", hours=1), night("failed", hours=2)], NOW), Status.OK),
        (doctor_checks.of_schedule([Total("backfill", "succeeded", 1, 1, 50, NOW)], NOW), Status.WARNING),
        (doctor_checks.of_schedule([Total("sync", "running", 1, 0, 0, None)], NOW), Status.WARNING),
    ],
)
def test_what_is_not_fine_says_what_to_do(found: CheckResult, status: Status) -> None:
    assert found.status is status
    assert (found.remedy is None) is (status is Status.OK)


def test_all_is_fine_only_where_every_check_is() -> None:
    fine = CheckResult("disk", Status.OK, "")
    assert doctor_checks.is_fine([fine])
    for status in (Status.WARNING, Status.FAILED, Status.SKIPPED):
        assert not doctor_checks.is_fine([fine, CheckResult("clock", status, "")])
