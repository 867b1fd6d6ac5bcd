"""A statement of completeness: one verdict, a calendar that leaves no day out, and texts that cannot become markup."""

import base64
import hashlib
import json
import re
from datetime import date
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest

from etl.core.completeness import DayState, judge
from etl.core.statement import (
    LETTERS,
    MEANINGS,
    NO_MARKET,
    PROVEN_MEANS,
    VerificationLine,
    calendars,
    stated_period,
)
from etl.core.timeline import iso
from etl.reporting.report_data import Cost, CostState
from etl.reporting.statement import user_name
from etl.reporting.statement_costs import cost_lines
from etl.reporting.statement_html import statement_page
from etl.reporting.statement_json import document, encoded, identify
from etl.reporting.statement_sections import facts, legend, sections
from etl.reporting.statement_text import statement_parts
from etl.reporting.table import Table
from tests.unit.stated import AT, DIGEST, proven, stated

HOSTILE = "</style><script>alert(1)</script><img src=x onerror=\"alert('&')\">\u202e\x1b[2J"


class Elements(HTMLParser):
    """The elements of a page, and the texts of its cells."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}


def text_of(html: str) -> str:
    """What a person reads."""
    return unescape(re.sub(r"<[^>]*>", "", html))


def page(**changes: Any) -> str:
    return statement_page(stated(**changes), "0123456789abcdef")


def test_the_verdict_is_that_of_complete() -> None:
    for days in ([], proven("main", "usdm", "2026-09", "2026-09", d2026_09_05=DayState.NOT)):
        of = stated(days=days)
        assert of.verdict == judge(days, of.period, "UTC", ["main"])
        assert not of.verdict.is_complete
    assert stated().verdict == (True, "complete: 2026-09-01..2026-09-30 (UTC): main usdm; 30 days proven")
    assert not stated(accounts=[], days=[]).verdict.is_complete


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        ("2026-01-01", "2026-12-31", 365),
        ("2026", "2026", 365),
        ("2028-02", "2028-02-29", 29),
        (" 2026-03-29 ", "2026-03-29", 1),
        ("2017", "2026", 3652),
    ],
)
def test_a_period_is_from_a_day_to_another(first: str, last: str, days: int) -> None:
    period = stated_period(first, last)
    assert len(period.days()) == days
    assert str(period) in (f"{period.first}..{period.last}", f"{period.first}")


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        ("yesterday", "2026", "is not a period"),
        ("2026-02-30", "2026", "is not a period"),
        ("2026-02", "2026-01", "ends before it begins"),
        ("1969", "1971", "of the years 1970 to 9998"),
        ("9998", "9999", "of the years 1970 to 9998"),
        ("2010", "2026", "at most ten years"),
    ],
)
def test_what_is_no_period_is_refused_in_one_line(first: str, last: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        stated_period(first, last)


def test_every_state_has_a_letter_of_its_own_and_a_meaning() -> None:
    assert LETTERS.keys() == MEANINGS.keys() == {*DayState}
    letters = [*LETTERS.values(), NO_MARKET]
    assert len({*letters}) == len(letters)
    assert {len(letter) for letter in letters} == {1}
    assert len(PROVEN_MEANS) == 5


def test_a_calendar_has_a_cell_for_each_day_of_the_period_and_no_other() -> None:
    days = [*proven("b", "coinm", "2026-02-10", "2026-03-02"), *proven("b", "usdm", "2026-02", "2026-03-02")]
    usdm, coinm = calendars(days)
    assert ((usdm.account, usdm.market), (coinm.account, coinm.market)) == (("b", "usdm"), ("b", "coinm"))
    period = stated_period("2026-01-30", "2026-03-02")
    months = coinm.months(period)
    assert [(month.name, len(month.cells)) for month in months] == [("2026-01", 31), ("2026-02", 28), ("2026-03", 2)]
    assert [cell for month in months for cell in month.cells if cell] == [
        coinm.states.get(day, NO_MARKET) for day in period.days()
    ]
    assert months[0].cells == [""] * 29 + [NO_MARKET] * 2
    assert coinm.counts() == {DayState.PROVEN: 21}


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({}, "both sides agree"),
        ({"missing": 2, "extra": 1}, "missing 2, extra 1"),
        ({"different": 1, "repaired": 1, "is_sample": True}, "different 1, repaired 1; a sample of its windows"),
        ({"unread_reason": "failed"}, "both sides agree; not all was read: failed"),
    ],
)
def test_the_result_of_a_verification_is_told_in_words(changes: dict[str, Any], result: str) -> None:
    line: VerificationLine = stated().verifications[0]
    assert line._replace(**changes).result == result


def test_no_text_becomes_markup() -> None:
    plain = Elements(page())
    of = stated(accounts=[HOSTILE])
    origin = of.origin._replace(user=HOSTILE, host=HOSTILE, server=HOSTILE, at_local=HOSTILE)
    quarantined = [of.quarantined[0]._replace(reason=HOSTILE)]
    markets = [one._replace(reason=HOSTILE) for one in of.markets]
    export = of.export and of.export._replace(name=HOSTILE)
    costs = [one._replace(account=HOSTILE, asset=HOSTILE, incomplete_because=HOSTILE) for one in of.costs or ()]
    changes = {"origin": origin, "quarantined": quarantined, "markets": markets, "export": export, "costs": costs}
    hostile = page(accounts=[HOSTILE], zone=HOSTILE, **changes)
    assert Elements(hostile).attributes == plain.attributes
    assert {*Elements(hostile).tags} == {*plain.tags}
    assert "<script" not in hostile
    assert not {"\x1b", "\u202e"} & {*hostile}
    parts = statement_parts(stated(accounts=[HOSTILE], zone=HOSTILE, **changes), "x")
    assert all("\x1b" not in (part if isinstance(part, str) else str(part.rows)) for part in parts)


def test_the_page_runs_nothing_loads_nothing_and_names_no_address() -> None:
    html = page()
    assert not {"script", "img", "link", "iframe", "object"} & {*Elements(html).tags}
    assert not {"src", "href", "style", "onload"} & Elements(html).attributes
    assert "://" not in html
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in html
    assert "url(" not in style
    assert "@import" not in style


def test_page_and_text_say_all_that_the_document_says() -> None:
    of = stated()
    said = document(of)
    shown = [text_of(statement_page(of, said["id"])), _text_of_parts(of, said["id"])]
    expected = [
        *(said["id"], said["verdict"], *said["proven_means"], "12,345", "98,765,432,109,876,543,210.123456789", DIGEST),
        *("orders.csv", "1,234", "auditee on host", "force-orders 1.2.3, schema 0022, PostgreSQL 16.1", "failed"),
        *("price is no number", "any day to 2026-09-03", "nobody asked whether the account has it", "both sides agree"),
        *(iso(AT), "BTCUSDT 42 missing", "2026-09-12", "Place and date", "Signature", "12", "30", "gone"),
    ]
    for text in shown:
        assert [words for words in expected if words not in text] == []


def _text_of_parts(of: Any, statement_id: str) -> str:
    parts = statement_parts(of, statement_id)
    return "\n".join("\n".join(" ".join(row) for row in p.rows) if isinstance(p, Table) else p for p in parts)


def test_what_there_is_none_of_is_said() -> None:
    of = stated(accounts=[], days=[], markets=[], gaps=[], quarantined=[], verifications=[], seals=[], orders=[])
    text = text_of(page(accounts=[], days=[], markets=[], gaps=[], quarantined=[], seals=[], orders=[], export=None))
    for section in sections(of):
        assert section.title in text
    assert dict(facts(of, "x"))["account"] == "none"
    for nothing in ("No account is known.", "None.", "No day is sealed.", "No order is stored of the period."):
        assert nothing in text
    assert "Nothing is known of lost." in text_of(page(accounts=["lost"], days=[]))


def test_costs_that_were_never_read_are_not_nothing() -> None:
    assert "Costs are not read" in text_of(page(costs=None))
    assert text_of(page(costs=[], orders=[])).count("No order is stored of the period.") == 2
    assert document(stated(costs=None))["costs"] is None
    assert document(stated(costs=[]))["costs"] == []


def test_a_cost_line_is_complete_where_all_of_its_market_is_known() -> None:
    def cost(market: str, asset: str, *amounts: str | None) -> Cost:
        sums = (None if one is None else Decimal(one) for one in amounts)
        return Cost("main", market, "*", "USDT", "LIQUIDATION", "2026-09", asset, *sums)

    def state(market: str, why: str | None, orders: int) -> CostState:
        return CostState("main", market, "*", "USDT", "LIQUIDATION", "2026-09", why, orders)

    amounts = [
        *(cost("usdm", "USDT", "-5.5", "-1", None), cost("usdm", "USDT", "-0.25", None, None)),
        *(cost("usdm", "BNB", None, "-0.001", None), cost("coinm", "BTC", "-1", None, "-0.5")),
    ]
    states = [state("usdm", None, 3), state("usdm", "fills not read", 2), state("coinm", None, 1)]
    states += [state("margin", "fills not available", 1)]
    why, lost = "2 orders: fills not read", "1 order: fills not available"
    assert [tuple(map(str, line[1:])) for line in cost_lines(amounts, states, {})] == [
        ("usdm", "BNB", "None", "-0.001", "None", "-0.001", "False", why),
        ("usdm", "USDT", "-5.75", "-1", "None", "-6.75", "False", why),
        ("coinm", "BTC", "-1", "None", "-0.5", "-1.5", "True", "None"),
        ("margin", "None", "None", "None", "None", "None", "False", lost),
    ]
    doubts = {("main", "coinm"): ["1 clearance fee without a force order", "not complete: 2 days"]}
    last = cost_lines(amounts, states[2:3], doubts)[-1]
    assert (last.is_complete, last.incomplete_because) == (False, "; ".join(doubts["main", "coinm"]))


def test_the_legend_explains_the_letters_that_are_there() -> None:
    days = proven("main", "usdm", "2026-09-02", "2026-09", d2026_09_05=DayState.DISPUTED)
    assert [letter for letter, _, _ in legend(stated(days=days))] == ["P", "D", NO_MARKET]


def test_the_document_has_numbers_as_text_and_an_id_over_all_of_it() -> None:
    said = document(stated())
    assert json.loads(encoded(said)) == said
    assert said["orders"][0]["notional"] == "98765432109876543210.123456789"
    assert [one for one in _leaves(said) if not isinstance(one, str | bool | None)] == []
    assert said["id"] == identify(said)
    canonical = json.dumps(
        {name: value for name, value in said.items() if name != "id"},
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    assert hashlib.sha256(canonical.encode()).hexdigest().startswith(said["id"])
    later = stated().origin._replace(at=AT + 1)
    assert document(stated(origin=later))["id"] != said["id"] == document(stated())["id"]


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        return [leaf for one in (value.values() if isinstance(value, dict) else value) for leaf in _leaves(one)]
    return [value]


def test_a_user_without_a_name_has_a_number() -> None:
    assert user_name(0) == "root"
    assert user_name(2_000_000_011) == "user 2000000011"


def test_instants_and_days_are_iso_in_the_document() -> None:
    said = document(stated())
    assert said["period"] == {
        "from": "2026-09-01",
        "until": "2026-09-30",
        "time_zone": "UTC",
        "starts_at": iso(AT),
        "ends_at": iso(AT + 30 * 86_400_000),
    }
    assert said["gaps"] == [
        {"account": "main", "market": "usdm", "symbols": "*", "start": iso(AT), "end": iso(AT + 1), "reason": "failed"}
    ]
    assert (said["quarantined"][0]["first_day"], said["quarantined"][0]["id"]) == (None, "7")
    assert said["calendar"][0]["days"]["2026-09-30"] == "proven"
    assert said["calendar"][0]["counts"] == {"proven": "30"}
    assert date.fromisoformat(said["seals"][0]["newest_day"]) == date(2026, 9, 12)
