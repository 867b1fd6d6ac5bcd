"""A cooldown in a file: it survives the process, a wrong clock, and a file that is not ours. The clock is a number."""

import json
import logging
import stat
from pathlib import Path

import pytest

from etl.core.egress import LONGEST_BAN, OwnEgress, Taken
from etl.core.timeline import DAY, HOUR, MINUTE
from etl.errors import StoreError
from etl.store.cooldown_file import CooldownFile, Deadline, RememberingEgress
from tests.unit.alone import Alone

NOON = 1_790_000_000_000


class Clock:
    """A machine's wall clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """One that does not exist yet."""
    return tmp_path / "data" / "dir"


def opened(directory: Path, clock: Clock, host: str = "exchange:1", egress: str = "default") -> CooldownFile:
    """What another process would see."""
    return CooldownFile(directory, host, egress, clock)


def test_another_process_reads_what_is_left(directory: Path, clock: Clock) -> None:
    opened(directory, clock).start(HOUR, "banned")
    clock.now += MINUTE
    assert opened(directory, clock).left() == HOUR - MINUTE
    clock.now += HOUR
    assert opened(directory, clock).left() == 0


def test_a_process_that_runs_already_reads_it_too(directory: Path, clock: Clock) -> None:
    other = opened(directory, clock)
    assert other.left() == 0
    opened(directory, clock).start(MINUTE, "throttled")
    assert other.left() == MINUTE
    opened(directory, clock).start(HOUR, "banned")
    assert other.left() == HOUR


def test_a_shorter_cooldown_does_not_end_a_longer_one(directory: Path, clock: Clock) -> None:
    file = opened(directory, clock)
    file.start(HOUR, "banned")
    file.start(MINUTE, "throttled")
    assert (file.left(), file.running()) == (HOUR, Deadline(NOON + HOUR, NOON, "banned"))


def test_the_file_is_private_and_the_only_one(directory: Path, clock: Clock) -> None:
    file = opened(directory, clock)
    file.start(HOUR, "banned")
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) & 0o066 == 0, "nobody else lists it"
    assert list(directory.iterdir()) == [file.path]
    assert json.loads(file.path.read_text()) == {"until": NOON + HOUR, "written_at": NOON, "reason": "banned"}


@pytest.mark.parametrize(
    ("host", "egress"), [("exchange:2", "default"), ("exchange:1", "tokyo"), ("exchange:1", "a/../" * 40)]
)
def test_a_cooldown_is_of_one_host_and_one_address(directory: Path, clock: Clock, host: str, egress: str) -> None:
    own, other = opened(directory, clock), opened(directory, clock, host, egress)
    own.start(HOUR, "banned")
    assert other.left() == 0
    other.start(MINUTE, "throttled")
    assert (own.left(), other.left()) == (HOUR, MINUTE)
    assert {own.path.parent, other.path.parent} == {directory}


@pytest.mark.parametrize("back", [MINUTE, HOUR, 400 * DAY])
def test_a_clock_that_is_set_back_prolongs_no_cooldown_beyond_its_length(
    directory: Path, clock: Clock, back: int
) -> None:
    opened(directory, clock).start(HOUR, "banned")
    clock.now -= back
    assert opened(directory, clock).left() == HOUR
    clock.now += HOUR // 2
    assert opened(directory, clock).left() == HOUR // 2
    clock.now += HOUR // 2
    assert opened(directory, clock).left() == 0


@pytest.mark.parametrize("back", [MINUTE, 400 * DAY])
def test_nor_does_it_where_the_file_cannot_be_written(
    directory: Path, clock: Clock, back: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(directory, clock)
    file.start(HOUR, "banned")
    monkeypatch.setattr("etl.store.cooldown_file.mkstemp", refuse)
    clock.now -= back
    assert file.left() == HOUR
    clock.now += HOUR
    assert file.left() == 0


def refuse(**options: object) -> tuple[int, str]:
    raise PermissionError(13, "Permission denied")


FOREIGN = [
    b"",
    b"\x00\xff",
    b"[]",
    b"{}",
    b"17",
    b"[" * 100_000,
    b'{"until": 1, "written_at": 0}',
    b'{"until": "1", "written_at": 0, "reason": ""}',
    b'{"until": 1, "written_at": 0, "reason": 5}',
    b'{"until": true, "written_at": false, "reason": ""}',
    b'{"until": 1e400, "written_at": 0, "reason": ""}',
    json.dumps({"until": NOON + 100 * DAY, "written_at": NOON, "reason": "no ban is so long"}).encode(),
]


@pytest.mark.parametrize("content", FOREIGN)
def test_a_file_that_is_not_ours_is_ignored_with_one_warning_and_replaced_by_the_next_cooldown(
    directory: Path, clock: Clock, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = opened(directory, clock)
    directory.mkdir(parents=True)
    file.path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert [file.left() for _ in range(3)] == [0, 0, 0]
    (line,) = caplog.messages
    assert line == f"the file {file.path} cannot be read and is ignored: it is not what this program writes"
    file.start(HOUR, "banned")
    assert opened(directory, clock).left() == HOUR


def test_a_directory_in_its_place_is_warned_of_once(
    directory: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    file = opened(directory, clock)
    file.path.mkdir(parents=True)
    with caplog.at_level(logging.WARNING):
        file.start(HOUR, "banned")
        file.start(HOUR, "banned")
    (line,) = caplog.messages
    assert str(file.path) in line


class Down:
    """An egress whose database is down."""

    def take(self, weight: int, now: int, room: int) -> Taken:
        raise StoreError("the database cannot be used")

    def start_cooldown(self, milliseconds: int, reason: str) -> None:
        raise StoreError("the database cannot be used")


def test_a_ban_that_comes_while_the_database_is_down_stops_the_next_process(directory: Path, clock: Clock) -> None:
    with pytest.raises(StoreError):
        RememberingEgress(Down(), opened(directory, clock)).start_cooldown(HOUR, "banned")
    next_one = Alone()
    taken = RememberingEgress(next_one, opened(directory, clock)).take(50, 0, 1_200)
    assert (taken.granted, taken.cooldown) == (False, HOUR)
    assert next_one.taken == [0], "nothing was taken"
    assert next_one.cooldowns == [(HOUR, "banned")], "now the database knows of it too"


class Banned(Alone):
    """An egress whose database knows of a cooldown."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def take(self, weight: int, now: int, room: int) -> Taken:
        return Taken(granted=False, spent=7, cooldown=self.left)


@pytest.mark.parametrize("known", [MINUTE, HOUR, 2 * HOUR])
def test_the_later_of_the_two_deadlines_counts(directory: Path, clock: Clock, known: int) -> None:
    opened(directory, clock).start(HOUR, "banned")
    inner = Banned(known)
    both = RememberingEgress(inner, opened(directory, clock))
    assert both.take(50, 0, 1_200) == Taken(granted=False, spent=7, cooldown=max(HOUR, known))
    assert bool(inner.cooldowns) == (known < HOUR)


def test_without_a_cooldown_the_other_egress_decides(directory: Path, clock: Clock) -> None:
    inner = Alone()
    assert RememberingEgress(inner, opened(directory, clock)).take(50, 0, 1_200).granted
    assert inner.taken == [50]


def test_without_a_database_the_file_alone_keeps_it(directory: Path, clock: Clock) -> None:
    RememberingEgress(OwnEgress(), opened(directory, clock)).start_cooldown(LONGEST_BAN, "banned")
    kept = RememberingEgress(OwnEgress(), opened(directory, clock))
    assert kept.take(1, 0, 1) == Taken(granted=False, spent=0, cooldown=LONGEST_BAN)
