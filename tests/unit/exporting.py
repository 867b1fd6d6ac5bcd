"""Order exports at a desk: their paths, and what their files say."""

import csv
import gzip
import io
import zipfile
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from etl.simulator.accounts import MAIN, Account
from etl.simulator.history import Generated, Profile
from etl.simulator.messages import Reply, Request
from etl.simulator.scenario import DAY_MS
from tests.unit.desk import START, Desk

Params = dict[str, Any]

UNIFIED = replace(MAIN, portfolio_margin_from_ms=0)
FAPI, DAPI, UM = "/fapi/v1/order/asyn", "/dapi/v1/order/asyn", "/papi/v1/um/order/asyn"
MARKET = {FAPI: "usdm", DAPI: "coinm", UM: "pm-usdm"}
YEARS = Generated(Profile(), "exports", days=1100)
YEAR: Params = {"startTime": START - 365 * DAY_MS, "endTime": START}


def account_of(path: str) -> Account:
    return UNIFIED if path.startswith("/papi") else MAIN


def desk_of_years(path: str = FAPI, **switches: Any) -> Desk:
    history = dict.fromkeys(("usdm", "coinm"), YEARS)
    return Desk(accounts=(account_of(path),), history=history, **switches)


def requested(desk: Desk, path: str = FAPI, **span: Any) -> str:
    """The id of a new export."""
    found = desk.read(path, account_of(path), **(span or YEAR))
    assert {*found} == {"avgCostTimestampOfLast30d", "downloadId"}
    return str(found["downloadId"])


def asked_after(desk: Desk, download_id: str, path: str = FAPI) -> dict[str, Any]:
    found: dict[str, Any] = desk.read(f"{path}/id", account_of(path), downloadId=download_id)
    return found


def pass_by(desk: Desk, ms: int) -> None:
    desk.real_ms += ms


def followed(desk: Desk, url: str) -> Reply:
    """What the link leads to, without key and signature."""
    return desk.exchange.answer(Request("GET", urlsplit(url).path), desk.real_ms)


def downloaded(desk: Desk, path: str = FAPI, **span: Any) -> bytes:
    """The file of a new export, once it is processed."""
    download_id = requested(desk, path, **span)
    pass_by(desk, desk.exchange.scenario.export_processing_ms)
    reply = followed(desk, asked_after(desk, download_id, path)["url"])
    assert reply.status == 200
    return reply.body


def unpacked(content: bytes) -> bytes:
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            (name,) = archive.namelist()
            assert name.endswith(".csv")
            return archive.read(name)
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def rows_in(content: bytes) -> list[dict[str, str]]:
    """The rows of a sound file."""
    return [*csv.DictReader(io.StringIO(unpacked(content).decode("utf-8-sig"), newline=""))]
