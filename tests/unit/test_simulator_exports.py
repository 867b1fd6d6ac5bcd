"""Asynchronous order exports: from the request to the expired link, what they cost, and how many a month there are."""

import json
from dataclasses import replace
from typing import Any

import pytest

from etl.simulator.accounts import MAIN, demo_account
from etl.simulator.command import _log_access
from etl.simulator.messages import Request
from etl.simulator.scenario import DAY_MS
from tests.unit.desk import START, Desk, code
from tests.unit.exporting import (
    DAPI,
    FAPI,
    MARKET,
    UM,
    UNIFIED,
    YEAR,
    account_of,
    asked_after,
    desk_of_years,
    followed,
    pass_by,
    requested,
    rows_in,
)

MINUTE = 60_000
PROCESSING = 300_000
EACH = pytest.mark.parametrize("path", MARKET)


def desk_of(path: str = FAPI, **switches: Any) -> Desk:
    return Desk(accounts=(account_of(path),), **switches)


def minutes_apart(desk: Desk, path: str, times: int) -> list[str]:
    ids = []
    for _ in range(times):
        ids.append(requested(desk, path))
        pass_by(desk, MINUTE)
    return ids


@EACH
def test_an_export_is_processed_then_completed_then_expired(path: str) -> None:
    desk = desk_of_years(path)
    download_id = requested(desk, path)
    processing = {
        "downloadId": download_id,
        "status": "processing",
        "url": "",
        "notified": False,
        "expirationTimestamp": -1,
        "isExpired": None,
    } | ({"s3Link": None} if path == UM else {})
    assert asked_after(desk, download_id, path) == processing
    pass_by(desk, PROCESSING - 1)
    assert asked_after(desk, download_id, path) == processing
    pass_by(desk, 1)
    completed = asked_after(desk, download_id, path)
    expires_ms = START + PROCESSING + 7 * DAY_MS
    assert completed == processing | {
        "status": "completed",
        "url": completed["url"],
        "notified": True,
        "expirationTimestamp": expires_ms,
    }
    assert rows_in(followed(desk, completed["url"]).body)
    pass_by(desk, 7 * DAY_MS - 1)
    assert followed(desk, completed["url"]).status == 200
    pass_by(desk, 1)
    assert asked_after(desk, download_id, path) == completed | {"url": "", "isExpired": True}
    assert followed(desk, completed["url"]).status == 403
    desk.sim("scenario", {"export_expired_as": "text"})
    assert asked_after(desk, download_id, path)["isExpired"] == "true"


def test_processing_and_expiry_take_as_long_as_the_scenario_says() -> None:
    desk = desk_of(export_processing_ms=0, export_link_days=1)
    link = asked_after(desk, requested(desk))
    assert (link["status"], link["expirationTimestamp"]) == ("completed", START + DAY_MS)


def test_a_link_works_without_a_key_only_for_whoever_has_it() -> None:
    desk = desk_of(export_processing_ms=0)
    urls = {asked_after(desk, requested(desk))["url"] for _ in range(2)}
    assert len(urls) == 2
    assert all(len(url.rpartition("/")[2]) >= 40 for url in urls)
    for url in ("http://127.0.0.1/exports/", f"{urls.pop()[:-1]}~"):
        assert followed(desk, url).status == 404


def test_a_link_does_not_work_before_its_time() -> None:
    desk = desk_of(export_processing_ms=0)
    url = asked_after(desk, requested(desk))["url"]
    desk.sim("clock", {"set_ms": START - 1})
    assert followed(desk, url).status == 404


def test_an_export_can_fail() -> None:
    desk = desk_of(export_outcome="failed")
    download_id = requested(desk)
    assert asked_after(desk, download_id)["status"] == "processing"
    pass_by(desk, PROCESSING)
    link = asked_after(desk, download_id)
    assert (link["status"], link["url"], link["expirationTimestamp"]) == ("failed", "", -1)
    assert desk.sim("exports")["used"][0]["used"] == 1


@pytest.mark.parametrize(("scheme", "begins"), [(True, "http://127.0.0.1/"), (False, "127.0.0.1/")])
def test_a_link_may_have_no_scheme(scheme: bool, begins: str) -> None:
    desk = desk_of(export_processing_ms=0, export_url_scheme=scheme)
    assert asked_after(desk, requested(desk))["url"].startswith(f"{begins}exports/")


@EACH
@pytest.mark.parametrize("left_out", ["startTime", "endTime"])
def test_both_ends_must_be_named(path: str, left_out: str) -> None:
    span = {name: value for name, value in YEAR.items() if name != left_out}
    assert desk_of(path).refused(path, account_of(path), **span) == (400, -1102)


@pytest.mark.parametrize(
    ("span", "refused"),
    [
        ({"startTime": START - 365 * DAY_MS - 1}, -4165),
        ({"startTime": START + 1}, -4188),
        ({"startTime": "yesterday"}, -1100),
        ({"symbol": "BTCUSDT"}, -1104),
    ],
)
def test_a_span_is_a_year_at_most(span: dict[str, Any], refused: int) -> None:
    desk = desk_of()
    assert desk.refused(FAPI, **YEAR | span) == (400, refused)
    assert desk.sim("exports") == {"exports": [], "used": []}


def test_a_longer_span_can_be_refused_as_a_wrong_parameter() -> None:
    desk = desk_of(export_span_code="-1130")
    assert desk.refused(FAPI, startTime=START - 400 * DAY_MS, endTime=START) == (400, -1130)


def test_an_unknown_id_and_that_of_another_account_or_market_are_refused() -> None:
    other = demo_account("other")
    desk = Desk(accounts=(MAIN, other))
    download_id = requested(desk)
    assert desk.refused(f"{FAPI}/id") == (400, -1102)
    assert desk.refused(f"{FAPI}/id", downloadId="1") == (400, -1130)
    assert desk.refused(f"{FAPI}/id", other, downloadId=download_id) == (400, -1130)
    assert desk.refused(f"{DAPI}/id", downloadId=download_id) == (400, -1130)


def test_an_export_needs_what_the_force_orders_of_its_market_need() -> None:
    blind = replace(MAIN, permissions=())
    assert Desk(accounts=(blind,)).refused(FAPI, blind, **YEAR) == (401, -2015)
    assert Desk(accounts=(UNIFIED,)).refused(FAPI, UNIFIED, **YEAR) == (401, -2015)
    assert Desk().refused(UM, **YEAR) == (401, -2015)
    poor = replace(MAIN, wallets=("usdm",))
    assert Desk(accounts=(poor,)).refused(DAPI, poor, **YEAR) == (400, -4109)
    assert code(Desk().get(FAPI)) == -2014
    assert Desk().get("/papi/v1/cm/order/asyn").status == 404
    assert Desk(dapi=False).get(DAPI).status == 404


@pytest.mark.parametrize(("path", "weight", "link_weight"), [(FAPI, 1000, 10), (DAPI, 1000, 5), (UM, 1500, 10)])
def test_a_request_weighs_much_and_a_link_nothing(path: str, weight: int, link_weight: int) -> None:
    desk = desk_of(path, export_processing_ms=0)
    download_id = requested(desk, path)
    assert desk.stats()["weight"] == weight
    url = asked_after(desk, download_id, path)["url"]
    reply = followed(desk, url)
    stats = desk.stats()
    assert stats["weight"] == weight + link_weight
    assert stats["requests_by_path"] == {path: 1, f"{path}/id": 1, "/exports": 1}
    assert not any("WEIGHT" in name for name, _ in reply.headers)


@EACH
def test_a_third_request_within_a_minute_is_a_ban_whatever_the_weights_allow(path: str) -> None:
    desk = desk_of(path, weight_limit=10**6, papi_weight_limit=10**6)
    account = account_of(path)
    requested(desk, path)
    pass_by(desk, 39_000)  # 41 of the minute's seconds are left, as START begins one
    requested(desk, path)
    reply = desk.signed(path, account, **YEAR)
    assert (reply.status, code(reply)) == (418, -1003)
    assert desk.signed(f"{path}/id", account, downloadId="1").status == 418
    assert desk.stats()["bans"] == 1
    pass_by(desk, 120_000)
    requested(desk, path)


def test_a_new_minute_allows_two_more_requests() -> None:
    desk = desk_of()
    for _ in range(3):
        requested(desk)
        requested(desk)
        pass_by(desk, MINUTE)
    assert desk.stats()["bans"] == 0


def test_the_two_requests_of_a_minute_are_shared_by_fapi_and_dapi() -> None:
    desk = desk_of(weight_limit=10**6)
    requested(desk, FAPI)
    requested(desk, DAPI)
    assert desk.signed(DAPI, **YEAR).status == 418


def test_how_many_requests_a_minute_allows_is_a_switch() -> None:
    desk = desk_of(weight_limit=10**6, export_calls_a_minute=5)
    for _ in range(5):
        requested(desk)
    assert desk.signed(FAPI, **YEAR).status == 418


@pytest.mark.parametrize(("path", "quota"), [(FAPI, 10), (DAPI, 8), (UM, 10)])
def test_a_calendar_month_has_a_quota(path: str, quota: int) -> None:
    desk = desk_of(path)
    ids = minutes_apart(desk, path, quota)
    assert len({*ids}) == quota
    reply = desk.signed(path, account_of(path), **YEAR)
    assert reply.status == 400
    assert json.loads(reply.body) == {
        "code": -4190,
        "msg": f"Order history download is limited to {quota} times per month; {quota} used in 2026-11.",
    }
    used = {"account": "main", "market": MARKET[path], "month": "2026-11", "used": quota}
    assert desk.sim("exports")["used"] == [used]
    desk.sim("clock", {"set_ms": 1_796_083_200_000})  # 2026-12-01
    requested(desk, path)
    assert desk.sim("exports")["used"] == [used, used | {"month": "2026-12", "used": 1}]


def test_each_market_and_account_has_a_quota_of_its_own() -> None:
    other = demo_account("other")
    desk = Desk(accounts=(MAIN, other), export_quota=1, dapi_export_quota=1, export_quota_code=-1015)
    requested(desk, FAPI)
    assert desk.refused(FAPI, **YEAR) == (400, -1015)
    pass_by(desk, MINUTE)
    requested(desk, DAPI)
    assert desk.read(FAPI, other, **YEAR)


def test_the_quota_of_portfolio_margin_is_a_switch() -> None:
    assert desk_of(UM, papi_export_quota=0).refused(UM, UNIFIED, **YEAR) == (400, -4190)


def test_a_reset_of_the_statistics_gives_no_quota_back() -> None:
    desk = desk_of(export_quota=1)
    requested(desk)
    desk.sim("reset-stats", {})
    assert desk.refused(FAPI, **YEAR) == (400, -4190)
    assert desk.stats()["requests_by_path"] == {FAPI: 1}


def test_a_test_can_see_what_was_exported_and_how_often_it_was_downloaded() -> None:
    desk = desk_of(export_processing_ms=0)
    download_id = requested(desk)
    for _ in range(2):
        followed(desk, asked_after(desk, download_id)["url"])
    (shown,) = desk.sim("exports")["exports"]
    assert shown == {
        "downloadId": download_id,
        "account": "main",
        "market": "usdm",
        **YEAR,
        "asked_ms": START,
        "status": "completed",
        "isExpired": False,
        "downloads": 2,
    }


def test_an_accepted_request_counts_although_its_reply_is_lost() -> None:
    desk = desk_of(faults=[{"kind": "cut", "path": FAPI, "at": 1}])
    assert desk.signed(FAPI, **YEAR).ending == "cut"
    assert desk.sim("exports")["used"][0]["used"] == 1


def test_faults_hit_links_by_one_path() -> None:
    faults = [{"kind": "cut", "path": "/exports", "at": 1}, {"kind": "status", "path": "/exports", "at": 2}]
    desk = desk_of(export_processing_ms=0, faults=faults)
    url = asked_after(desk, requested(desk))["url"]
    assert [followed(desk, url).label for _ in range(3)] == ["cut", "503", "200"]


def test_the_access_log_shows_no_token(capsys: pytest.CaptureFixture[str]) -> None:
    desk = desk_of(export_processing_ms=0)
    url = asked_after(desk, requested(desk))["url"]
    _log_access(Request("GET", f"/exports/{url.rpartition('/')[2]}"), followed(desk, url))
    assert capsys.readouterr().err == "127.0.0.1 GET /exports 200\n"


def test_a_file_can_only_be_read() -> None:
    desk = desk_of(export_processing_ms=0)
    url = asked_after(desk, requested(desk))["url"]
    path = url.removeprefix("http://127.0.0.1")
    assert desk.exchange.answer(Request("DELETE", path), desk.real_ms).status == 404
