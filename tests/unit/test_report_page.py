"""The report's page: one file that loads nothing, and whose texts stay texts."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest

from etl.reporting.html import LIBRARY, SCRIPTS, asset, page
from tests.packed import unpacked_page
from tests.unit import reported, years

DATA = re.compile(r'<script type="application/json" id="report-data">(.*?)</script>', re.DOTALL)
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
ASSETS = ("page.html", "page.css", *SCRIPTS)


def embedded(html: str) -> Any:
    (text,) = DATA.findall(html)
    return unpacked_page(json.loads(text))


class Elements(HTMLParser):
    """Every element of a page with its attributes, as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize(
    "data", [reported.empty(), reported.one_order(), reported.rich()], ids=["empty", "one", "rich"]
)
def test_the_page_holds_the_data_as_they_were(data: dict[str, Any]) -> None:
    assert embedded(page(data)) == data


def test_hostile_texts_stay_inside_the_data_and_add_no_element() -> None:
    names = (reported.HOSTILE_ACCOUNT, "<!--<script>", "]]>&amp;\u2028\u2029")
    data = reported.rich(names, (reported.HOSTILE_SYMBOL, "\"'`${alert(1)}USDT", "$policy"))
    html = page(data)
    assert Elements(html).found == Elements(page(reported.empty())).found
    assert not re.search("[<>&\u2028\u2029]", DATA.findall(html)[0])
    assert embedded(html)["symbols"] == data["symbols"]
    assert embedded(html)["accounts"] == [*names[:2], "]]>&amp;  "]


def test_captions_name_the_zone_of_days_and_hours() -> None:
    html = page(reported.empty(time_zone="Asia/Tokyo"))
    assert "days are those of Asia/Tokyo." in html
    assert "Number of orders by weekday and hour, Asia/Tokyo." in html
    assert "&lt;b&gt;" in page(reported.empty(time_zone="<b>"))


def test_texts_that_turn_the_reading_direction_or_are_no_texts_are_made_harmless() -> None:
    data = reported.empty(accounts=["\u202eTDSU", "\ud800", "a\x00b"])
    html = page(data)
    assert embedded(html)["accounts"] == ["�TDSU", "�", "a�b"]
    html.encode()


def test_numbers_that_are_none_never_reach_the_page() -> None:
    with pytest.raises(ValueError, match="JSON"):
        page(reported.empty(cascades=[[0, "2026-09-01T00:00:00.000Z", float("nan"), 2, 1, None, None, 1]]))


def test_no_element_and_no_style_of_the_page_names_another_file() -> None:
    elements = Elements(page(reported.one_order())).found
    assert {"html", "style", "script", "select", "figure", "table"} <= {tag for tag, _ in elements}
    assert [(tag, names) for tag, names in elements if {"src", "href", "srcset", "action", "data"} & set(names)] == []
    assert {tag for tag, _ in elements} & {"link", "iframe", "object", "embed", "img", "base"} == set()


@pytest.mark.parametrize("name", ASSETS)
def test_our_part_of_the_page_neither_loads_nor_names_an_address(name: str) -> None:
    text = asset(name)
    loading = r"https?:|//[a-z]+\.|url\(|@import|\bimport\b|\bfetch\b|XMLHttpRequest|WebSocket|EventSource|sendBeacon"
    assert re.findall(loading, text) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text) == []


@pytest.mark.parametrize("name", ASSETS)
def test_our_part_of_the_page_is_made_of_files_that_a_person_can_read(name: str) -> None:
    text = asset(name)
    assert "\r" not in text, "a policy's fingerprint would not match"
    assert name == "page.html" or max(map(len, text.splitlines())) <= 120
    assert name == "page.css" or len(text.splitlines()) <= 300


def test_the_policy_lets_these_scripts_run_and_no_other_and_loads_nothing() -> None:
    html = page(reported.rich())
    rules = dict(rule.split(" ", 1) for rule in POLICY.findall(html)[0].split("; "))
    prints = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in SCRIPT.findall(html)]
    assert len(prints) == 2
    assert rules == {
        "default-src": "'none'",
        "script-src": " ".join(f"'sha256-{one}'" for one in prints),
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert html.index("Content-Security-Policy") < html.index("<style>"), "it holds only for what comes after it"


def test_the_charts_library_is_the_one_that_was_published() -> None:
    version, digest = asset("echarts.VERSION").splitlines()
    library = (files("etl.reporting") / "page" / LIBRARY).read_bytes()
    assert digest == f"sha256 {hashlib.sha256(library).hexdigest()}"
    assert version.split(",")[0] == "Apache ECharts 6.1.0"
    assert b'version="6.1.0"' in library
    assert "Apache License" in asset("echarts.LICENSE")
    assert not re.search(rb"</script|<!--|\r", library), "it stands inside a script element"


def test_an_empty_page_is_small_enough_to_be_sent_by_mail() -> None:
    assert 1_000_000 < len(page(reported.empty()).encode()) < 1_600_000


def test_ten_accounts_of_two_years_are_at_most_four_megabytes() -> None:
    data = years.of_years()
    assert sum(row[6] for row in data["daily"]) > 40_000
    assert len(page(data).encode()) <= 4_000_000


def test_each_order_costs_the_page_little() -> None:
    empty, rich = (len(page(data).encode()) for data in (reported.empty(), reported.rich()))
    rows = sum(len(reported.rich()[name]) for name in ("daily", "hours", "cascades", "coverage", "largest"))
    rows += len(reported.rich()["improvements"]["rows"])
    assert (rich - empty) / rows < 100
