"""What the exchange says of a file, where its link leads, and what a container may hold."""

import gzip
import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta, timezone
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.archive.zones import parse_offset, zone_in_name
from etl.errors import ArchiveError, ContractError, TransientError
from etl.exchange.archives import FileAnswer, Making, read_download_id, read_file_answer
from etl.exchange.downloads import address_of
from etl.runs.archive_content import opened, original_of
from tests.archives import gzipped, own_cells, text, zipped

NOW = 1_790_000_000_000
DONE: dict[str, Any] = {
    "downloadId": "546975389218332672",
    "status": "completed",
    "url": "www.binance.com/x.zip?X-Amz-Signature=abc",
    "notified": True,
    "expirationTimestamp": NOW + 1,
    "isExpired": None,
}


def read(**changes: Any) -> FileAnswer:
    return read_file_answer(json.dumps(DONE | changes).encode(), NOW)


def test_a_file_is_under_way_done_expired_or_failed() -> None:
    assert read() == FileAnswer(Making.DONE, DONE["url"], NOW + 1)
    assert read(status="processing", url="", expirationTimestamp=-1).making is Making.UNDER_WAY
    assert read(isExpired=True).making is Making.EXPIRED
    assert read(isExpired="true").making is Making.EXPIRED
    assert read(expirationTimestamp=NOW).making is Making.EXPIRED
    assert read(status="failed", url="").making is Making.FAILED
    assert read(s3Link=None).making is Making.DONE


def test_the_link_is_not_shown_by_accident() -> None:
    assert "Signature" not in repr(read())


@pytest.mark.parametrize("changes", [{"status": None}, {"url": ""}, {"url": None}])
def test_an_answer_without_status_or_link_breaks_the_contract(changes: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        read(**changes)


@pytest.mark.parametrize("body", [b"{}", b'{"downloadId":""}', b'{"downloadId":null}', b'{"downloadId":"a b"}', b"[]"])
def test_an_answer_that_names_no_file_breaks_the_contract(body: bytes) -> None:
    with pytest.raises(ContractError):
        read_download_id(body, NOW)


def test_an_answer_that_is_cut_off_is_none() -> None:
    with pytest.raises(TransientError):
        read_download_id(b'{"downloadId":"54', NOW)
    assert read_download_id(b'{"avgCostTimestampOfLast30d":7241837,"downloadId":"546975389218332672"}', NOW)


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("https://host/x?y=z", "https://host/x?y=z"),
        ("host.example/x.zip", "https://host.example/x.zip"),
        ("//host.example:8443/x", "https://host.example:8443/x"),
        ("127.0.0.1:8080/x", "http://127.0.0.1:8080/x"),
        ("http://localhost:1/x", "http://localhost:1/x"),
        (" https://host/x\n", "https://host/x"),
    ],
)
def test_a_link_may_lack_its_scheme(link: str, address: str) -> None:
    assert address_of(link) == address


@pytest.mark.parametrize(
    "link",
    ["http://host/x", "ftp://host/x", "file:///etc/passwd", "https://", "", "/x", "https://user:pass@host/x",
     "https://host:port/x", "https://[::1/x", "javascript:alert(1)"],
)  # fmt: skip
def test_a_link_leads_to_https_or_to_this_machine_and_is_never_shown(link: str) -> None:
    with pytest.raises(ContractError) as refused:
        address_of(link)
    assert "host/x" not in str(refused.value)


def lines(path: Path, content: bytes, largest: int = 1 << 20) -> tuple[list[str], bool]:
    path.write_bytes(content)
    with opened(path, largest) as (found, is_whole):
        return list(found), is_whole


ORDERS = text([own_cells(NOW)])


@pytest.mark.parametrize(
    ("pack", "vouches"), [(zipped, True), (gzipped, True), (str.encode, False)], ids=["zip", "gzip", "bare"]
)
def test_a_container_is_known_by_its_first_bytes(tmp_path: Path, pack: Callable[[str], bytes], vouches: bool) -> None:
    found, is_whole = lines(tmp_path / "x", pack(ORDERS))
    assert "".join(found) == ORDERS
    assert is_whole is vouches


@pytest.mark.parametrize("pack", [zipped, gzipped], ids=["zip", "gzip"])
def test_a_container_is_refused_wherever_it_is_cut_or_changed(tmp_path: Path, pack: Callable[[str], bytes]) -> None:
    whole = pack(ORDERS)
    for cut in range(2, len(whole), 7):
        with pytest.raises(ValueError, match="cut off or damaged"):
            lines(tmp_path / "x", whole[:cut])
    middle = len(whole) // 2
    changed = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    with pytest.raises(ValueError, match=r"cut off or damaged|no UTF-8"):
        lines(tmp_path / "x", changed)


def test_a_small_file_that_expands_is_read_no_further_than_its_bound(tmp_path: Path) -> None:
    bomb = gzip.compress(b"a,b\r\n" * 2_000_000)
    assert len(bomb) < 50_000
    with pytest.raises(ValueError, match="expands to more than"):
        lines(tmp_path / "x", bomb)
    with pytest.raises(ValueError, match="expands to more than"):
        lines(tmp_path / "x", zipped("a,b\r\n" * 2_000_000))


def test_a_line_without_end_is_read_in_pieces(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expands to more than"):
        lines(tmp_path / "x", gzip.compress(b"x" * (1 << 22)))


def test_a_zip_with_two_files_or_a_password_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two", "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "x")
    with pytest.raises(ValueError, match="holds 2 files"):
        lines(tmp_path / "x", (tmp_path / "two").read_bytes())
    locked = bytearray(zipped(ORDERS))
    directory = locked.index(b"PK\x01\x02")
    locked[directory + 8] |= 1
    with pytest.raises(ValueError, match="has a password"):
        lines(tmp_path / "x", bytes(locked))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@given(st.randoms(use_true_random=False))
def test_a_zip_that_is_damaged_anywhere_is_read_or_refused(method: int, random: Random) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory, "x")
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("a.csv", ORDERS)
        damaged = bytearray(path.read_bytes())
        for _ in range(random.randint(1, 4)):
            damaged[random.randrange(2, len(damaged))] = random.randrange(256)
        with suppress(ValueError):
            lines(path, bytes(damaged))


def test_a_zip_of_a_version_to_come_or_with_a_damaged_method_is_refused(tmp_path: Path) -> None:
    new = bytearray(zipped(ORDERS))
    new[new.index(b"PK\x01\x02") + 6] = 200
    with pytest.raises(ValueError, match="compressed in an unusual way"):
        lines(tmp_path / "x", bytes(new))
    with zipfile.ZipFile(tmp_path / "lzma", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a.csv", ORDERS)
    damaged = bytearray((tmp_path / "lzma").read_bytes())
    damaged[60] ^= 0xFF
    with pytest.raises(ValueError, match="cut off or damaged"):
        lines(tmp_path / "x", bytes(damaged))


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="cannot be read"):
        original_of(tmp_path)
    (tmp_path / "x").write_bytes(b"abc")
    assert original_of(tmp_path / "x") == ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 3)


@pytest.mark.parametrize(
    ("name", "hours"),
    [("a(UTC--6)_b.csv", -6), ("a(UTC+8).zip", 8), ("a(UTC-8).csv", None), ("a.csv", None), ("a(UTC--30).csv", None)],
)
def test_the_name_of_a_file_tells_its_zone_where_it_is_not_ambiguous(name: str, hours: int | None) -> None:
    assert zone_in_name(name) == (None if hours is None else timezone(timedelta(hours=hours)))


def test_an_offset_may_be_typed() -> None:
    assert parse_offset("UTC+5:30") == timezone(timedelta(hours=5, minutes=30))
    assert parse_offset("-06:00") == timezone(timedelta(hours=-6))
    assert parse_offset("Europe/Berlin") is None
