"""What the exchange refuses, and with which code."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET, MAIN, Account, demo_account
from etl.simulator.messages import RefusedError, Request
from etl.simulator.page import Query
from etl.simulator.rules import check_clock, check_parameters, query_of, signer_of
from etl.simulator.scenario import DAY_MS, WEEK_MS, Scenario
from etl.simulator.signatures import hmac_signature, is_signed_by, signed_part

NOW = 1_795_000_000_000


def code_of(call: Callable[[], object]) -> tuple[int, int]:
    with pytest.raises(RefusedError) as caught:
        call()
    return caught.value.status, caught.value.code


def asked(params: dict[str, Any], **switches: Any) -> Query:
    texts = {name: str(value) for name, value in params.items()}
    return query_of(texts, {"BTCUSDT", "币安人生USDT"}, Scenario(**switches), NOW)


def signed_by(query: str, key: str = DEMO_KEY, account: Account = MAIN) -> Account:
    request = Request("GET", "/fapi/v1/forceOrders", query, {"x-mbx-apikey": key})
    return signer_of(request, dict(parse_qsl(query, keep_blank_values=True)), {account.key: account}, NOW)


def with_signature(payload: str, secret: str = DEMO_SECRET) -> str:
    return f"{payload}&signature={hmac_signature(secret, payload)}"


def test_the_documentations_own_example_is_signed_alike() -> None:
    secret = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
    payload = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC"
        "&recvWindow=5000&timestamp=1591702613943"
    )
    signature = "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
    assert hmac_signature(secret, payload) == signature
    assert signed_part(f"{payload}&signature={signature}") == (payload, signature)


def test_a_well_signed_request_is_of_its_account() -> None:
    assert signed_by(with_signature(f"symbol={quote('币安人生USDT')}&timestamp={NOW}")) == MAIN


def test_a_signature_over_other_bytes_is_refused() -> None:
    good = with_signature(f"symbol=BTCUSDT&timestamp={NOW}")
    assert code_of(lambda: signed_by(good.replace("BTC", "ETH"))) == (400, -1022)
    assert code_of(lambda: signed_by(with_signature(f"timestamp={NOW}", secret="other"))) == (400, -1022)


def test_the_signature_must_be_the_last_parameter() -> None:
    assert code_of(lambda: signed_by(with_signature(f"timestamp={NOW}") + "&limit=5")) == (400, -1022)


@pytest.mark.parametrize("key", ["", "short", "-" * 64])
def test_a_key_of_bad_format_is_refused(key: str) -> None:
    assert code_of(lambda: signed_by(with_signature(f"timestamp={NOW}"), key=key)) == (401, -2014)


def test_an_unknown_key_is_refused() -> None:
    assert code_of(lambda: signed_by(with_signature(f"timestamp={NOW}"), key="x" * 64)) == (401, -2015)


@pytest.mark.parametrize("query", ["signature=ab", "timestamp=1", "timestamp=&signature=ab", ""])
def test_timestamp_and_signature_are_mandatory(query: str) -> None:
    assert code_of(lambda: signed_by(query)) == (400, -1102)


def test_a_request_is_taken_within_its_window_and_less_than_a_second_ahead() -> None:
    check_clock(NOW + 999, None, NOW)
    check_clock(NOW - 5_000, None, NOW)
    check_clock(NOW - 60_000, 60_000, NOW)
    assert code_of(lambda: check_clock(NOW + 1_000, 60_000, NOW)) == (400, -1021)
    assert code_of(lambda: check_clock(NOW - 5_001, None, NOW)) == (400, -1021)
    assert code_of(lambda: check_clock(NOW, 60_001, NOW)) == (400, -1131)


def pem_of(key: rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> str:
    shape = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, shape).decode()


def test_an_rsa_key_signs_with_pkcs1_and_sha256() -> None:
    private = rsa.generate_private_key(65537, 2048)
    account = Account("main", DEMO_KEY, "", pem_of(private.public_key()))
    signature = base64.b64encode(private.sign(b"timestamp=1", padding.PKCS1v15(), hashes.SHA256())).decode()
    assert is_signed_by(account, "timestamp=1", signature)
    assert not is_signed_by(account, "timestamp=2", signature)
    assert not is_signed_by(account, "timestamp=1", "no base64!")


def test_an_ed25519_signature_travels_url_encoded() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    account = Account("main", DEMO_KEY, "", pem_of(private.public_key()))
    payload = f"timestamp={NOW}"
    signature = quote(base64.b64encode(private.sign(payload.encode())).decode(), safe="")
    assert signed_by(f"{payload}&signature={signature}", account=account) == account


def test_each_account_has_a_key_of_its_own_in_the_right_form() -> None:
    other = demo_account("account2")
    assert other.key != DEMO_KEY
    assert all(len(text) == 64 and text.isalnum() for text in (DEMO_KEY, DEMO_SECRET, other.key, other.secret))


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        ([("limit", "5"), ("limit", "5")], -1101),
        ([("limit", "5"), ("orderId", "7")], -1104),
        ([("symbol", "")], -1105),
    ],
)
def test_twofold_unknown_and_empty_parameters_are_refused(pairs: list[tuple[str, str]], code: int) -> None:
    assert code_of(lambda: check_parameters(pairs)) == (400, code)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"symbol": "NOUSDT"}, -1121),
        ({"autoCloseType": "BOTH"}, -1130),
        ({"limit": 0}, -1130),
        ({"limit": -1}, -1130),
        ({"limit": "ten"}, -1100),
        ({"startTime": "1.5"}, -1100),
        ({"startTime": NOW, "endTime": NOW - 1}, -4188),
        ({"startTime": NOW - WEEK_MS, "endTime": NOW}, -4165),
        ({"startTime": NOW - 90 * DAY_MS - 1, "endTime": NOW - 89 * DAY_MS}, -4166),
    ],
)
def test_what_cannot_be_answered_has_its_code(params: dict[str, Any], code: int) -> None:
    assert code_of(lambda: asked(params)) == (400, code)


def test_without_times_the_last_seven_days_and_fifty_rows_are_meant() -> None:
    assert asked({}) == Query(NOW - WEEK_MS, NOW, limit=50)
    assert asked({"endTime": NOW - 5}) == Query(NOW - 5 - WEEK_MS, NOW - 5, limit=50)


def test_a_start_alone_reaches_seven_days_and_never_beyond_now() -> None:
    assert asked({"startTime": NOW - 20 * DAY_MS}) == Query(NOW - 20 * DAY_MS, NOW - 13 * DAY_MS, limit=50)
    assert asked({"startTime": NOW - DAY_MS}) == Query(NOW - DAY_MS, NOW, limit=50)


def test_a_limit_above_a_hundred_is_cut_or_refused() -> None:
    assert asked({"limit": 101}).limit == 100
    assert code_of(lambda: asked({"limit": 101}, limit_above_max="refused")) == (400, -1130)


def test_the_longest_window_has_four_readings() -> None:
    start = NOW - 20 * DAY_MS
    week, more = {"startTime": start, "endTime": start + WEEK_MS}, {"startTime": start, "endTime": start + WEEK_MS + 1}
    assert asked({"startTime": start, "endTime": start + WEEK_MS - 1}).end_ms == start + WEEK_MS - 1
    assert asked(week, window_rule="le").end_ms == start + WEEK_MS
    assert code_of(lambda: asked(more, window_rule="le")) == (400, -4165)
    assert asked(more, window_rule="none").end_ms == start + WEEK_MS + 1
    assert asked(more, window_rule="cut").end_ms == start + WEEK_MS
    assert code_of(lambda: asked(week, longest_window_ms=DAY_MS)) == (400, -4165)


def test_equal_ends_can_be_refused() -> None:
    params = {"startTime": NOW - 5, "endTime": NOW - 5}
    assert asked(params) == Query(NOW - 5, NOW - 5, limit=50)
    assert code_of(lambda: asked(params, equal_ends="refused")) == (400, -1102)


def test_beyond_the_retention_an_answer_can_be_empty_instead() -> None:
    params = {"startTime": NOW - 95 * DAY_MS, "endTime": NOW - 92 * DAY_MS}
    assert asked(params, beyond_retention="empty").start_ms == NOW - 95 * DAY_MS
    assert asked(params, retention_days=0).start_ms == NOW - 95 * DAY_MS
    assert code_of(lambda: asked(params, retention_days=30)) == (400, -4166)


def test_a_symbol_may_be_of_any_script() -> None:
    assert asked({"symbol": "币安人生USDT", "autoCloseType": "ADL"}).symbol == "币安人生USDT"
