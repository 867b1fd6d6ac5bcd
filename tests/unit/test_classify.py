"""What each response other than a page means, and when a cooldown ends."""

from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.core.egress import LONGEST_BAN
from etl.core.timeline import MINUTE, SECOND, to_datetime
from etl.errors import (
    BannedError,
    BeyondRetentionError,
    ClockSkewError,
    ContractError,
    CredentialsError,
    DoubtedKeyError,
    ExchangeError,
    ExitCode,
    MaintenanceError,
    MissingParameterError,
    NotServedError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownSymbolError,
    WindowTooWideError,
)
from etl.exchange.error_table import FIREWALL_PAUSE, SHORTEST_BAN, classify, cooldown_until

START = 26_920_000 * MINUTE
NOW = START + 20 * SECOND
NEXT_MINUTE = START + MINUTE + SECOND
"""The earliest end of any cooldown: a second into the next minute."""


def never() -> bool:
    """Of a key that has not worked so far."""
    return False


def once() -> bool:
    """Of a key that has worked."""
    return True


def unasked() -> bool:
    raise AssertionError("whether the key worked decides nothing here, and the answer may have to be waited for")


def classified(status: int, code: int | None = None, message: str = "") -> ExchangeError:
    return classify(status, code, message, {}, NOW, never)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (408, None, TransientError),
        (408, -1007, TransientError),
        *((status, None, TransientError) for status in (500, 502, 503, 504, 599)),
        (503, 0, TransientError),
        *((400, code, TransientError) for code in (-1000, -1001, -1006, -1007, -1008)),
        *((status, -1016, MaintenanceError) for status in (400, 403, 503)),
        *((403, code, ThrottledError) for code in (None, 0, -1)),
        (403, -2015, CredentialsError),
        (403, -1121, UnknownSymbolError),
        (403, -1003, ThrottledError),
        (429, None, ThrottledError),
        (429, -1003, ThrottledError),
        (400, -1003, ThrottledError),
        (418, None, BannedError),
        (418, -1003, BannedError),
        *((400, code, ClockSkewError) for code in (-1021, -5028)),
        *((400, code, WindowTooWideError) for code in (-4165, -1127)),
        (400, -4166, BeyondRetentionError),
        *((400, code, UnknownSymbolError) for code in (-1121, -1122, -4141)),
        *((401, code, CredentialsError) for code in (-2015, -2014, -2008, -2017, -1002)),
        (400, -1022, CredentialsError),
        (401, None, CredentialsError),
        *(
            (400, code, RejectedError)
            for code in (-1023, *range(-1106, -1102), -1101, -1100, -1111, -1116, -1130, -1131)
        ),
        (400, -1102, MissingParameterError),
        *((400, code, RejectedError) for code in (-1109, -4109, -4402)),
        *((status, code, NotServedError) for status in (404, 451) for code in (None, 0, -5000)),
        *((status, None, TransientError) for status in (103, 202, 204, 400, 405, 421, 425)),
        (400, 0, RejectedError),
        (405, -5000, RejectedError),
        (302, None, NotServedError),
        (200, None, ContractError),
    ],
)
def test_every_line_of_the_table_of_errors(status: int, code: int | None, expected: type[ExchangeError]) -> None:
    assert type(classified(status, code)) is expected


def test_a_503_that_names_a_pause_is_obeyed() -> None:
    error = classify(503, None, "busy", {"Retry-After": "300"}, NOW, unasked)
    assert isinstance(error, ThrottledError)
    assert error.cooldown_until == NOW + 300 * SECOND


@pytest.mark.parametrize("status", [one for one in range(100, 600) if one != 200])
def test_what_is_not_the_exchange_s_own_json_never_blames_the_account(status: int) -> None:
    error = type(classified(status, None))
    assert error in (TransientError, ThrottledError, BannedError, NotServedError, CredentialsError)
    assert (error is CredentialsError) == (status == 401)


BY_CODE = {
    -1000: TransientError,
    -1003: ThrottledError,
    -1016: MaintenanceError,
    -1021: ClockSkewError,
    -1102: MissingParameterError,
    -1121: UnknownSymbolError,
    -2015: CredentialsError,
    -4109: RejectedError,
    -4165: WindowTooWideError,
    -4166: BeyondRetentionError,
}
"""What each kind of code means with every status but 418 and 429."""

BY_STATUS = {
    200: ContractError,
    401: CredentialsError,
    403: ThrottledError,
    404: NotServedError,
    408: TransientError,
    451: NotServedError,
}
"""What these statuses mean with a code that is in no table; 3xx and 5xx: see the test."""


@pytest.mark.parametrize("hundred", range(100, 600, 100))
def test_with_the_exchange_s_own_json_a_known_code_decides_and_else_the_status(hundred: int) -> None:
    by_hundred = {300: NotServedError, 500: TransientError}
    for status in range(hundred, hundred + 100):
        pause = {418: BannedError, 429: ThrottledError}.get(status)
        found = {code: type(classified(status, code, "said")) for code in BY_CODE}
        assert (status, found) == (status, dict.fromkeys(BY_CODE, pause) if pause else BY_CODE)
        unknown = pause or BY_STATUS.get(status) or by_hundred.get(hundred, RejectedError)
        assert {type(classified(status, code, "said")) for code in (0, -1, -5000, -999_999)} == {unknown}, status
        banned = classified(status, -1003, f"Way too many requests; IP banned until {NOW + 5 * MINUTE}.")
        assert type(banned) is BannedError, status
        assert banned.cooldown_until == NOW + 5 * MINUTE + SECOND


def test_a_code_counts_for_more_than_the_status_it_comes_with() -> None:
    assert type(classified(503, -1121)) is UnknownSymbolError


def test_a_message_that_speaks_of_a_ban_is_one_whatever_the_status() -> None:
    error = classified(429, -1003, f"Way too many requests; IP(1.2.3.4) banned until {NOW + 5 * MINUTE}.")
    assert isinstance(error, BannedError)
    assert error.cooldown_until == NOW + 5 * MINUTE + SECOND
    assert error.exit_code is ExitCode.BANNED


def test_an_error_says_what_the_exchange_said() -> None:
    assert str(classified(400, -1102, "Mandatory parameter 'endTime' was not sent.")) == (
        "the exchange refused the request (HTTP 400, code -1102: Mandatory parameter 'endTime' was not sent.)"
    )


@pytest.mark.parametrize("code", [-2015, -2014, -2008, -2017, -1002, -1022, None])
def test_a_refused_key_is_explained(code: int | None) -> None:
    assert "key" in str(classified(401, code, "no.")).split("(HTTP")[0]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_key_that_worked_and_is_refused_may_be_a_ban_in_disguise(status: int) -> None:
    error = classify(status, -2015, "Invalid API-key, IP, or permissions for action.", {}, NOW, once)
    assert isinstance(error, DoubtedKeyError)
    assert error.cooldown_until == NEXT_MINUTE
    assert "withdrawn or changed, or this is a ban in disguise" in str(error)
    assert error.exit_code is ExitCode.BANNED


@pytest.mark.parametrize("code", [-2014, -2008, -2017, -1022, -1002])
def test_no_other_refusal_of_a_key_is_doubted(code: int) -> None:
    assert type(classify(401, code, "no.", {}, NOW, unasked)) is CredentialsError


def test_a_cooldown_demanded_with_a_doubted_key_is_kept() -> None:
    error = classify(401, -2015, "no.", {"Retry-After": "600"}, NOW, once)
    assert isinstance(error, DoubtedKeyError)
    assert error.cooldown_until == NOW + 600 * SECOND


FIREWALL = "<html>\r\n<head><title>403 Forbidden</title></head>\r\n</html>"


@pytest.mark.parametrize("message", [FIREWALL, "", "Forbidden"])
def test_the_firewall_wants_a_full_minute_from_now_and_says_nothing_of_the_key(message: str) -> None:
    error = classify(403, None, message, {}, NOW, unasked)
    assert type(error) is ThrottledError
    assert error.cooldown_until == NOW + FIREWALL_PAUSE == NOW + MINUTE
    assert str(error) == "the exchange's firewall refused the request, not because of the key (HTTP 403)"


def test_a_firewall_that_sends_retry_after_is_obeyed() -> None:
    error = classify(403, None, FIREWALL, {"Retry-After": "300"}, NOW, unasked)
    assert isinstance(error, ThrottledError)
    assert error.cooldown_until == NOW + 300 * SECOND


@pytest.mark.parametrize(
    ("status", "code", "message", "expected"),
    [
        (503, None, "<html><title>Scheduled Maintenance</title></html>", MaintenanceError),
        (502, -1000, "System maintenance", MaintenanceError),
        (503, None, "busy", TransientError),
        (503, -1121, "maintenance", UnknownSymbolError),
        (400, -4000, "the maintenance margin is too low", RejectedError),
    ],
)
def test_an_exchange_that_announces_maintenance_is_in_maintenance(
    status: int, code: int | None, message: str, expected: type[ExchangeError]
) -> None:
    assert type(classified(status, code, message)) is expected


@pytest.mark.parametrize(
    ("retry_after", "deadline"),
    [
        (None, NEXT_MINUTE),
        ("", NEXT_MINUTE),
        ("0", NEXT_MINUTE),
        ("40", NEXT_MINUTE),
        ("42", NOW + 42 * SECOND),
        (" 600 ", NOW + 600 * SECOND),
        ("120.5", NOW + 120_500),
        ("120.0001", NOW + 120_001),
        ("120, 60", NOW + 120 * SECOND),
        ("60,,120.5", NOW + 120_500),
        ("999999999", NOW + LONGEST_BAN),
        ("99999999999", NOW + LONGEST_BAN),
        ("1" * 5_000, NOW + LONGEST_BAN),
        ("-5", NEXT_MINUTE),
        ("-5.5, 600", NOW + 600 * SECOND),
        ("1.5", NEXT_MINUTE),
        *((unreadable, NOW + SHORTEST_BAN) for unreadable in ("soon", "120s", "1e3", "१२०", "2026-11-26T12:00:00Z")),
        ("600, soon", NOW + 600 * SECOND),
        (format_datetime(to_datetime(NOW + 5 * MINUTE), usegmt=True), NOW + 5 * MINUTE),
        ("Sun, 01 Jan 2006 00:00:00 GMT", NEXT_MINUTE),
        ("Fri, 31 Dec 9999 23:59:59 GMT", NOW + LONGEST_BAN),
        ("1 Jan 99999999999999999999 00:00:00 GMT", NOW + SHORTEST_BAN),
        (format_datetime(to_datetime(NOW + 5 * MINUTE)).replace(" +0000", ""), NOW + 5 * MINUTE),
    ],
)
def test_retry_after_is_obeyed_within_the_shortest_and_the_longest_cooldown(
    retry_after: str | None, deadline: int
) -> None:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    assert cooldown_until(headers, "", NOW) == deadline


@pytest.mark.parametrize(
    ("retry_after", "deadline"),
    [
        *((unreadable, NOW + LONGEST_BAN) for unreadable in ("soon", "120s", "600, soon", "1 Jan 99999999 00:00 GMT")),
        *((nothing, NOW + SHORTEST_BAN) for nothing in (None, "", "0", "-5", "Sun, 01 Jan 2006 00:00:00 GMT")),
        ("40", NEXT_MINUTE),
        ("600", NOW + 600 * SECOND),
    ],
)
def test_of_a_ban_what_cannot_be_read_is_the_longest_and_what_is_not_said_the_shortest(
    retry_after: str | None, deadline: int
) -> None:
    error = classify(418, None, "", {} if retry_after is None else {"Retry-After": retry_after}, NOW, never)
    assert isinstance(error, BannedError)
    assert error.cooldown_until == deadline


@pytest.mark.parametrize(
    ("message", "deadline"),
    [
        (f"banned until {NOW + 10 * MINUTE}. Please", NOW + 10 * MINUTE + SECOND),
        (f"banned until {NOW // SECOND + 600}.", NOW + 10 * MINUTE + SECOND),
        (f"banned until: {(NOW + 10 * MINUTE) * 1_000}", NOW + 10 * MINUTE + SECOND),
        (f"banned until {(NOW + 10 * MINUTE) * 1_000_000}", NOW + 10 * MINUTE + SECOND),
        (f"banned until {NOW - 10 * MINUTE}", NEXT_MINUTE),
        ("banned until 9999999999999", NOW + LONGEST_BAN),
        *(
            (f"banned until {odd}", NOW + LONGEST_BAN)
            for odd in ("16151836698401", "9" * 5_000, "1615", "tomorrow", "")
        ),
    ],
)
def test_a_ban_lasts_as_long_as_the_body_says(message: str, deadline: int) -> None:
    error = classify(429, -1003, message, {}, NOW, never)
    assert isinstance(error, BannedError)
    assert error.cooldown_until == deadline


def test_of_two_deadlines_the_later_one_counts() -> None:
    message = f"banned until {NOW + 10 * MINUTE}"
    assert cooldown_until({"Retry-After": "1200"}, message, NOW) == NOW + 20 * MINUTE
    assert cooldown_until({"Retry-After": "60"}, message, NOW) == NOW + 10 * MINUTE + SECOND


@pytest.mark.parametrize("now", [START, START + MINUTE - 1])
def test_a_cooldown_ends_a_second_into_the_next_minute_at_the_earliest(now: int) -> None:
    assert cooldown_until({"Retry-After": "0"}, "", now) == NEXT_MINUTE


@given(st.text(max_size=40) | st.from_regex(r"\A\w{3}, \d\d? \w{3} \d{1,6} \d\d:\d\d:\d\d [+-]\d{1,6}\Z"), st.text())
def test_a_cooldown_always_has_an_end_that_can_be_waited_for(retry_after: str, message: str) -> None:
    assert NEXT_MINUTE <= cooldown_until({"Retry-After": retry_after}, message, NOW) <= NOW + LONGEST_BAN


@given(
    st.integers(200, 599),
    st.none() | st.integers(-6_000, 100),
    st.text(max_size=400) | st.sampled_from(["a\r\nb", "\x00\x1b[2J", "\ud800", "\u202e", "x" * 5_000]),
)
def test_whatever_the_exchange_says_the_error_is_one_printable_line_of_bounded_length(
    status: int, code: int | None, message: str
) -> None:
    said = str(classified(status, code, message))
    assert said.isprintable()
    assert len(said) < 500


def test_what_is_too_long_is_cut_with_a_sign() -> None:
    assert str(classified(400, -1, "x" * 5_000)).endswith("x…)")
