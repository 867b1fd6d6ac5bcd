"""Faults: which requests they hit, and what they leave of a reply."""

import gzip
import json
from typing import Any

import pytest

from etl.simulator.faults import Fault, Script, When, faults_from, replacement, spoiled
from etl.simulator.messages import Reply, json_reply

HONEST = json_reply([1, 2, 3])


def hit(at: Any, count: int = 12) -> list[int]:
    script = Script(faults_from([{"kind": "reset", "at": at}]))
    return [number for number in range(1, count + 1) if script.next("/any")]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (3, [3]),
        ([2, 4], [2, 3, 4]),
        ([10, None], [10, 11, 12]),
        ({"every": 5}, [5, 10]),
        ({"probability": 1}, list(range(1, 13))),
        ({"probability": 0}, []),
    ],
)
def test_a_fault_hits_the_requests_it_names(at: Any, expected: list[int]) -> None:
    assert hit(at) == expected


def test_without_a_number_a_fault_hits_every_request() -> None:
    script = Script([Fault("reset")])
    assert all(script.next("/any") for _ in range(3))


def test_chance_is_the_same_for_the_same_seed() -> None:
    once = hit({"probability": 0.3, "seed": 5}, 1000)
    assert once == hit({"probability": 0.3, "seed": 5}, 1000) != hit({"probability": 0.3, "seed": 6}, 1000)
    assert 200 < len(once) < 400


def test_a_fault_counts_the_requests_on_its_path_only() -> None:
    script = Script([Fault("close", When(2, 2), path="/a")])
    assert [bool(script.next(path)) for path in ("/a", "/b", "/b", "/a", "/a")] == [False, False, False, True, False]


def test_a_fault_counts_the_requests_of_its_account_only() -> None:
    script = Script(faults_from([{"kind": "reset", "account": "main", "at": 2}]))
    accounts = ("main", "account2", None, "main", "main")
    assert [bool(script.next("/", account)) for account in accounts] == [False, False, False, True, False]


def test_the_first_fault_of_the_list_wins_and_both_count() -> None:
    script = Script([Fault("close", When(1, 1)), Fault("reset", When(1, 2))])
    assert [fault.kind if fault else None for fault in (script.next("/"), script.next("/"), script.next("/"))] == [
        "close",
        "reset",
        None,
    ]


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "close"},
        ["close"],
        [{"kind": "explode"}],
        [{"kind": "close", "when": 3}],
        [{"kind": "close", "at": 0}],
        [{"kind": "close", "at": True}],
        [{"kind": "close", "at": "soon"}],
        [{"kind": "close", "at": {"every": 0}}],
        [{"kind": "status", "status": "503"}],
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(document: Any) -> None:
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z"):
        faults_from(document)


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (Fault("status", status=500), 500, b'{"code":-1001,'),
        (Fault("status", status=403), 403, b"<html>"),
        (Fault("status", status=408), 408, b'{"code":-1007,'),
        (Fault("status", status=451), 451, b'{"code":0,'),
        (Fault("status", status=503, body="busy"), 503, b"busy"),
        (Fault("code", code=-1000, msg="odd"), 400, b'{"code":-1000,"msg":"odd"}'),
        (Fault("key"), 401, b'{"code":-2015,'),
        (Fault("skew"), 400, b'{"code":-1021,'),
        (Fault("object"), 200, b"{"),
        (Fault("redirect"), 302, b""),
    ],
)
def test_a_fault_replies_instead_of_the_exchange(fault: Fault, status: int, body: bytes) -> None:
    reply = replacement(fault)
    assert reply is not None
    assert reply.status == status
    assert reply.body.startswith(body)


def test_a_firewall_answers_in_html_and_a_redirect_names_another_host() -> None:
    firewall, elsewhere = replacement(Fault("status", status=403)), replacement(Fault("redirect"))
    assert firewall is not None
    assert firewall.content_type == "text/html"
    assert elsewhere is not None
    assert ("Location", "https://elsewhere.invalid/") in elsewhere.headers


def test_garbage_is_no_json_and_huge_holds_no_order() -> None:
    garbage, huge = replacement(Fault("garbage")), replacement(Fault("huge", mib=2))
    assert garbage is not None
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(garbage.body)
    assert huge is not None
    assert len(huge.body) > 2 * 1024 * 1024


def test_a_gzip_bomb_is_a_small_and_honest_page_of_spaces() -> None:
    bomb = replacement(Fault("gzip_bomb", mib=2))
    assert bomb is not None
    assert bomb.headers == (("Content-Encoding", "gzip"),)
    assert len(bomb.body) < 10_000
    assert gzip.decompress(bomb.body) == b" " * (2 * 1024 * 1024) + b"[]"


@pytest.mark.parametrize("kind", ["reset", "close", "hang"])
def test_an_answer_can_fail_to_come(kind: Any) -> None:
    reply = replacement(Fault(kind))
    assert reply is not None
    assert reply.ending == reply.label == kind


def test_an_honest_reply_can_be_cut_late_dripping_or_wrongly_called_gzip() -> None:
    assert spoiled(HONEST, Fault("cut")).ending == "cut"
    assert spoiled(HONEST, Fault("slow", ms=250)).delay_ms == 250
    drip = spoiled(HONEST, Fault("drip", ms=250))
    assert (drip.body, drip.ending, drip.pace_ms, drip.label) == (HONEST.body, "drip", 250, "drip")
    lie = spoiled(HONEST, Fault("gzip_lie"))
    assert ("Content-Encoding", "gzip") in lie.headers
    assert lie.body == HONEST.body


@pytest.mark.parametrize("kind", ["cut", "gzip_lie", "slow", "drip", "ban", "throttle"])
def test_what_needs_an_honest_reply_replaces_none(kind: Any) -> None:
    assert replacement(Fault(kind)) is None


def test_kinds_that_replace_leave_an_honest_reply_alone() -> None:
    assert spoiled(HONEST, Fault("garbage")) == HONEST == Reply(200, b"[1,2,3]")
