"""The report's page in a real browser: drawn without a complaint, and every number under every choice."""

import base64
import shutil
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from etl.reporting.html import page
from tests.acceptance.browsing import Browser, chromium
from tests.combining import few_of
from tests.unit import reported

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")

CHARTS = ("daily", "symbols", "improvement", "cascades", "hours", "coverage")
RICH = reported.rich()
CHOICES = [
    {},
    {"account": "second"},
    {"symbol": "ETHUSDT"},
    {"account": "main", "symbol": "BTCUSDC", "asset": "USDC"},
    {"symbol": "BTCUSDC"},
    {"type": "ADL"},
    {"account": "second", "symbol": "BTCUSDT", "type": "LIQUIDATION"},
]
NAMED_CHOICES = {" ".join(choice.values()) or "everything": choice for choice in CHOICES}

FIGURES = (
    "Object.fromEntries([...document.querySelectorAll('.figures div')].map(one => [one.children[0].textContent,"
    " [one.children[1].textContent, one.children[2].textContent]]))"
)
BUBBLES = (
    "[...document.querySelectorAll('#cascades .chart svg path[fill-opacity]')]"
    ".map(one => one.getAttribute('transform').match(/[0-9.]+/)[0])"
)
SHAPES = "document.querySelectorAll('#{} .chart svg path').length"
ROWS = "[...document.querySelectorAll('#{} tbody tr')].map(row => [...row.cells].map(cell => cell.textContent))"
CHOOSE = (
    "(() => {{ const list = document.forms[0].elements['{}']; const one = [...list.options].find("
    "option => option.label === '{}'); list.value = one.value;"
    " list.dispatchEvent(new Event('change', {{ bubbles: true }})); }})()"
)
OPEN = "document.querySelectorAll('details').forEach(one => { one.open = true; })"
DRAWN = "new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))"
"""Resolves when what was begun before is done: events of opened elements come with the next frame."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = chromium()
    assert program is not None
    with Browser(program, tmp_path_factory.mktemp("profile")) as running:
        yield running


def visit(browser: Browser, directory: Path, data: dict[str, Any], fragment: str = "") -> None:
    """Opens the page from a file, as a person would who was sent it."""
    file = directory / "report.html"
    file.write_text(page(data), encoding="utf-8")
    browser.open(f"file://{file}{fragment}")


def choose(browser: Browser, choice: dict[str, str]) -> None:
    for name, label in choice.items():
        browser.value(CHOOSE.format(name, label))


def of(rows: list[list[Any]], data: dict[str, Any], choice: dict[str, str]) -> list[list[Any]]:
    """Those rows of `daily` that a choice leaves; the asset of the most orders is chosen where none is."""
    asset = data["quote_assets"].index(choice.get("asset", "USDT"))
    return [
        row
        for row in rows
        if row[3] == asset
        and choice.get("account") in (None, data["accounts"][row[0]])
        and choice.get("market") in (None, data["markets"][row[1]])
        and choice.get("symbol") in (None, data["symbols"][row[2]])
        and choice.get("type") in (None, data["close_types"][row[4]])
    ]


def shown(number: Decimal | int) -> str:
    """With every digit, commas between thousands, and no zeros at its end."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def amount(rows: list[list[Any]]) -> Decimal:
    return sum((Decimal(row[7]) for row in rows), Decimal(0))


@pytest.mark.parametrize("choice", few_of(NAMED_CHOICES, 3))
def test_a_choice_changes_every_number_to_exactly_the_sum_of_what_is_left(
    browser: Browser, tmp_path: Path, choice: dict[str, str]
) -> None:
    visit(browser, tmp_path, RICH)
    choose(browser, choice)
    browser.value(OPEN)
    browser.value(DRAWN)
    rows = of(RICH["daily"], RICH, choice)
    orders, adl = sum(row[6] for row in rows), sum(row[6] for row in rows if row[4] == 1)
    figures = browser.value(FIGURES)
    asset = choice.get("asset", "USDT")
    assert figures["Orders"][0] == shown(orders)
    exactly = figures[f"Notional, {asset}"]
    assert shown(amount(rows)) in (exactly[0], exactly[1].removeprefix("exactly "))
    assert figures["ADL share"] == (
        [f"{100 * adl / orders:.1f} %", f"{adl} of {shown(orders)} orders"] if orders else ["–", ""]
    )
    days = {row[0]: row for row in browser.value(ROWS.format("daily"))}
    assert {day: row[2:4] for day, row in days.items() if row[2] != "0"} == {
        day: [shown(sum(row[6] for row in of_day)), shown(amount(of_day))]
        for day in {row[5] for row in rows}
        if (of_day := [row for row in rows if row[5] == day])
    }
    symbols = {row[0]: row[1:3] for row in browser.value(ROWS.format("symbols"))}
    assert symbols == {
        RICH["symbols"][symbol]: [shown(sum(row[6] for row in of_it)), shown(amount(of_it))]
        for symbol in {row[2] for row in rows}
        if (of_it := [row for row in rows if row[2] == symbol])
    }
    accounts = {place for place, name in enumerate(RICH["accounts"]) if choice.get("account") in (None, name)}
    left = {(*row[:5],) for row in rows}
    in_bins = sum(row[6] for row in RICH["improvements"]["rows"] if (*row[:5],) in left)
    assert sum(int(row[2].replace(",", "")) for row in browser.value(ROWS.format("improvement"))) == in_bins
    in_hours = sum(row[7] for row in RICH["hours"] if (*row[:5],) in left)
    assert sum(int(row[-1].replace(",", "")) for row in browser.value(ROWS.format("hours"))) == in_hours
    cascades = sorted((row for row in RICH["cascades"] if row[0] in accounts), key=lambda row: -row[4])[:500]
    assert len(browser.value(ROWS.format("cascades"))) == len(cascades)
    largest = max(cascades, key=lambda row: row[4])
    assert figures["Largest cascade"][0] == f"{largest[4]} orders"
    covered = [row for row in RICH["coverage"] if row[0] in accounts]
    assert [row[1:4] for row in browser.value(ROWS.format("coverage"))] == [
        [day, coverage, reasons or "–"] for _, _, day, coverage, reasons, _ in covered
    ]
    assert figures["Days not proven"][0] == str(len({row[2] for row in covered if row[3] != "proven"}))
    wanted = [row for row in RICH["largest"] if row[10] == asset and row[0] in accounts]
    wanted = [row for row in wanted if choice.get("symbol") in (None, row[2])]
    wanted = [row for row in wanted if choice.get("type") in (None, row[5])]
    wanted = sorted(wanted, key=lambda row: -Decimal(row[9]))[:50]
    assert [row[3] for row in browser.value(ROWS.format("largest"))] == [row[3] for row in wanted]
    assert browser.complaints() == []


@pytest.mark.parametrize("choice", few_of(NAMED_CHOICES, 3))
def test_costs_of_a_choice_are_the_sums_of_its_orders_and_assets_are_never_added(
    browser: Browser, tmp_path: Path, choice: dict[str, str]
) -> None:
    visit(browser, tmp_path, RICH)
    choose(browser, choice)
    asset, rows = choice.get("asset", "USDT"), of(RICH["costs"], RICH, choice)
    expected = {}
    for of_it in {row[6] for row in rows}:
        kinds = zip(*(row[7:] for row in rows if row[6] == of_it), strict=True)
        sums = [sum(map(Decimal, known)) if (known := [one for one in kind if one]) else None for kind in kinds]
        cells = ["–" if one is None else shown(Decimal(one)) for one in sums]
        expected[of_it] = [*cells, shown(sum((Decimal(one) for one in sums if one is not None), Decimal(0)))]
    table = browser.value(ROWS.format("costs"))
    assert {row[1]: row[2:] for row in table if row[0] == "all"} == expected
    assert [row[0] for row in table if row[1] == asset][1:] == sorted({row[5] for row in rows}, reverse=True)
    states = of(RICH["cost_states"], RICH, choice)
    known = sum(row[7] for row in states if row[6] is None)
    orders = sum(row[6] for row in of(RICH["daily"], RICH, choice))
    said = browser.value("document.querySelector('#costs .known').textContent")
    assert said.startswith(f"Known of {shown(known)} of {shown(orders)} orders" if orders else "")
    assert (f"{shown(orders - known)} orders: fills beyond retention" in said) == (orders - known > 1)


def test_costs_that_were_never_read_are_no_zero_and_say_how_to_read_them(browser: Browser, tmp_path: Path) -> None:
    data = reported.one_order()
    visit(browser, tmp_path, data | {"costs": [], "cost_states": []})
    assert browser.value(FIGURES)["What it cost"] == ["–", "not read"]
    section = browser.value("document.querySelector('#costs').innerText")
    assert "Known of 0 of 1 order." in section
    assert "force-orders backfill --costs" in section
    visit(browser, tmp_path, data)
    assert browser.value(FIGURES)["What it cost, USDT"] == ["-310.25", "-0.01 BNB, known of 1 of 1 order"]
    assert [row[-1] for row in browser.value(ROWS.format("largest"))] == ["-0.01 BNB,\n-310.25 USDT"]


def test_the_head_says_what_the_command_says_of_each_choice(browser: Browser, tmp_path: Path) -> None:
    data = reported.rich(markets=("usdm", "coinm"))
    visit(browser, tmp_path, data)
    head = (
        "[...document.querySelectorAll('#verdict h2, #verdict .line, #verdict li, #verdict code')]"
        ".map(one => one.textContent)"
    )
    for account, market, is_complete, line in data["verdicts"]:
        choose(browser, {"account": "all accounts" if account is None else data["accounts"][account]})
        choose(browser, {"market": "all markets" if market is None else data["markets"][market]})
        title, said, *counts, hint = browser.value(head)
        assert (title, said) == ("Complete" if is_complete else "Not complete", line)
        days = [row for row in data["coverage"] if account in (None, row[0]) and market in (None, row[1])]
        assert counts[0] == f"{sum(row[3] == 'proven' for row in days)} proven"
        whose = "" if account is None else f" --account {data['accounts'][account]}"
        assert hint.startswith(f"force-orders statement --from 2026-07-02 --until 2026-09-30{whose} --out")


def test_a_complete_span_is_said_to_be_complete(browser: Browser, tmp_path: Path) -> None:
    data = reported.one_order()
    data["coverage"] = [[*row[:3], "proven", None, row[5]] for row in data["coverage"]]
    visit(browser, tmp_path, data | {"verdicts": reported.verdicts_of(data)})
    assert browser.value("document.querySelector('#verdict h2').textContent") == "Complete"
    line = browser.value("document.querySelector('#verdict .line').textContent")
    assert line == "complete: 2026-07-02..2026-09-30 (UTC): main usdm; 91 days proven"


def test_order_ids_are_whole_at_1280_and_every_printed_page_repeats_the_heads(browser: Browser, tmp_path: Path) -> None:
    visit(browser, tmp_path, RICH)
    cut = (
        "(() => { const box = document.querySelector('#largest .scroll').getBoundingClientRect();"
        " return [...document.querySelectorAll('#largest td')].filter(cell =>"
        " cell.getBoundingClientRect().right > box.right + 1 || cell.scrollWidth > cell.clientWidth).length; })()"
    )
    assert browser.value(cut) == 0
    printed = base64.b64decode(browser.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"])
    (tmp_path / "page.pdf").write_bytes(printed)
    pages = pages_of(tmp_path / "page.pdf")
    largest = [page for page in pages if "LIQUIDATION LONG" in page]
    assert len(largest) > 1
    assert [page for page in largest if "Order id" not in page] == []
    ids = {row[3] for row in browser.value(ROWS.format("largest"))}
    assert ids <= {*" ".join(largest).split()}


def pages_of(file: Path) -> list[str]:
    """The texts of a printed page each, with single spaces."""
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("no pdftotext on this machine")
    text = subprocess.run([program, "-layout", str(file), "-"], capture_output=True, text=True, check=True).stdout
    return [" ".join(page.split()) for page in text.split("\f") if page.strip()]


def test_markets_are_chosen_apart_and_a_symbol_of_each_stands_by_itself(browser: Browser, tmp_path: Path) -> None:
    data = reported.rich(("main",), markets=("usdm", "margin"))
    visit(browser, tmp_path, data)
    browser.value(OPEN)
    browser.value(DRAWN)
    for choice, names in (({}, ["usdm", "margin"]), ({"market": "margin"}, ["margin"])):
        choose(browser, choice)
        rows = of(data["daily"], data, choice)
        figures = browser.value(FIGURES)
        assert figures["Orders"][0] == shown(sum(row[6] for row in rows))
        assert ("usdm + margin" in figures["Notional, USDT"][1]) == (names == ["usdm", "margin"])
        symbols = {(row[0], row[1]): row[2:4] for row in browser.value(ROWS.format("symbols"))}
        assert symbols == {
            (data["markets"][market], data["symbols"][symbol]): [shown(sum(row[6] for row in own)), shown(amount(own))]
            for market, symbol in {(row[1], row[2]) for row in rows}
            if (own := [row for row in rows if (row[1], row[2]) == (market, symbol)])
        }
        cascades = [row for row in data["cascades"] if data["markets"][row[1]] in names]
        assert len(browser.value(ROWS.format("cascades"))) == len(cascades)
        assert {row[1] for row in browser.value(ROWS.format("coverage"))} == {*names}
        assert {row[2] for row in browser.value(ROWS.format("largest"))} == {*names}
    assert browser.complaints() == []


def test_every_chart_is_drawn_named_and_nothing_is_loaded(browser: Browser, tmp_path: Path) -> None:
    visit(browser, tmp_path, RICH)
    shapes = {name: browser.value(SHAPES.format(name)) for name in CHARTS}
    marks = {
        "daily": 91,
        "symbols": 3,
        "improvement": 20,
        "cascades": len(RICH["cascades"]),
        "hours": 168,
        "coverage": 91,
    }
    assert {name: shapes[name] for name in CHARTS if shapes[name] < marks[name]} == {}
    labels = browser.value("[...document.querySelectorAll('.chart')].map(chart => chart.getAttribute('aria-label'))")
    assert len(labels) == len(CHARTS)
    assert all(any(sign.isdigit() for sign in label) for label in labels)
    assert browser.complaints() == []
    assert browser.requests() == [f"file://{tmp_path}/report.html"]


def test_the_address_leads_to_a_choice_and_follows_it(browser: Browser, tmp_path: Path) -> None:
    visit(browser, tmp_path, RICH, f"#account=second&symbol={quote('币安人生USDT')}")
    rows = of(RICH["daily"], RICH, {"account": "second", "symbol": "币安人生USDT"})
    assert browser.value(FIGURES)["Orders"][0] == shown(sum(row[6] for row in rows))
    choose(browser, {"account": "all accounts"})
    assert browser.value("new URLSearchParams(location.hash.slice(1)).get('symbol')") == "币安人生USDT"
    assert browser.value("new URLSearchParams(location.hash.slice(1)).get('account')") is None
    assert browser.complaints() == []


def test_hostile_names_are_shown_as_they_are_and_run_nothing(browser: Browser, tmp_path: Path) -> None:
    data = reported.rich((reported.HOSTILE_ACCOUNT, "main"), (reported.HOSTILE_SYMBOL, "{b|ETH}USDT", "BTCUSDT"))
    visit(browser, tmp_path, data, f"#{quote('account')}={quote(reported.HOSTILE_ACCOUNT)}")
    browser.value(OPEN)
    browser.value(DRAWN)
    shows = "document.querySelector('#{}').textContent.includes({!r})"
    assert browser.value(shows.format("cascades", reported.HOSTILE_ACCOUNT))
    assert browser.value(shows.format("largest", reported.HOSTILE_SYMBOL))
    for name in CHARTS:  # the tooltips are the one place where texts become HTML
        hover = f"echarts.getInstanceByDom(document.querySelector('#{name} .chart'))"
        browser.value(f"{hover}.dispatchAction({{ type: 'showTip', seriesIndex: 0, dataIndex: 0 }})")
    browser.value(DRAWN)
    assert browser.value("document.querySelector('#coverage .chart').textContent").count(reported.HOSTILE_ACCOUNT) == 1
    assert browser.value("document.querySelectorAll('img').length + document.scripts.length") == 3
    assert browser.complaints() == []


@pytest.mark.parametrize(
    ("data", "drawn", "orders"),
    [(reported.empty(), [], "0"), (reported.one_order(), [name for name in CHARTS if name != "cascades"], "1")],
    ids=["empty", "one order"],
)
def test_where_there_is_nothing_to_draw_a_sentence_says_so(
    browser: Browser, tmp_path: Path, data: dict[str, Any], drawn: list[str], orders: str
) -> None:
    visit(browser, tmp_path, data)
    assert browser.value(FIGURES)["Orders"][0] == orders
    assert [name for name in CHARTS if browser.value(SHAPES.format(name))] == drawn
    sentence = "document.querySelector('#{} .nothing').checkVisibility()"
    assert [name for name in CHARTS if not browser.value(sentence.format(name))] == drawn
    assert browser.complaints() == []


def test_a_sum_loses_no_digit_where_a_float_would(browser: Browser, tmp_path: Path) -> None:
    data = reported.one_order()
    data["daily"] = [
        [0, 0, 0, 0, kind, "2026-09-01", 1, text] for kind, text in enumerate(["9007199254740993", "0.00000001"])
    ]
    visit(browser, tmp_path, data)
    assert browser.value(FIGURES)["Notional, USDT"][1] == "exactly 9,007,199,254,740,993.00000001"


def test_what_is_lost_next_stands_first_and_what_is_lost_already_last(browser: Browser, tmp_path: Path) -> None:
    visit(browser, tmp_path, RICH)
    lines = browser.value("[...document.querySelectorAll('.gaps li')].map(line => line.textContent)")
    assert lines[0] == "second: 2026-07-03 partly proven, not_fetched; the exchange drops it today"
    assert lines[1].startswith("main: 2026-07-07 to 2026-07-08 (2 days) not proven, failed; the exchange drops it")
    assert lines[1].endswith("in 4 days")
    assert lines[5] == "second: 2026-07-02 lost, beyond_retention; the exchange no longer keeps it"


def test_the_day_in_which_a_history_begins_is_no_gap_and_the_last_ones_are_only_young(
    browser: Browser, tmp_path: Path
) -> None:
    data = reported.one_order()
    data["coverage"][0][3] = data["coverage"][-2][3] = "partly"
    data["coverage"][-1][3] = "not"
    visit(browser, tmp_path, data)
    lines = browser.value("[...document.querySelectorAll('.gaps li')].map(line => line.textContent)")
    assert lines == ["2026-09-29 to 2026-09-30 (2 days) not read yet"]
    assert browser.value(FIGURES)["Days not proven"] == ["3", "1 history begins, 2 not read yet"]


def test_a_cascade_of_two_assets_is_no_sum_of_them(browser: Browser, tmp_path: Path) -> None:
    visit(browser, tmp_path, reported.of_two_assets())
    browser.value(OPEN)
    browser.value(DRAWN)
    assert [row[5] for row in browser.value(ROWS.format("cascades"))] == ["5 USDC, 60,000 USDT", "60,000 USDT"]
    assert len(set(browser.value(BUBBLES))) == 1, "both have the same amount of USDT"
    choose(browser, {"asset": "USDC"})
    browser.value(DRAWN)
    assert len(set(browser.value(BUBBLES))) == 2, "one has none of USDC"


def test_days_that_were_never_asked_for_are_no_proof(browser: Browser, tmp_path: Path) -> None:
    data = reported.one_order()
    asked = [row for row in data["coverage"] if row[2] > "2026-08-01"]
    never = [[*row[:3], "never asked", None, 0] for row in data["coverage"] if row[2] <= "2026-08-01"]
    visit(browser, tmp_path, data | {"coverage": [*never, *asked]})
    figures = browser.value(FIGURES)
    assert figures["Days not proven"][0] == str(len(never) + 1), "and today"
    assert f"{len(never)} never asked for" in figures["Days not proven"][1]
    gaps = browser.value("[...document.querySelectorAll('.gaps li')].map(one => one.textContent)")
    assert gaps[0] == f"2026-07-02 to 2026-08-01 ({len(never)} days) never asked for"


def test_a_day_that_is_not_proven_is_told_from_a_zero(browser: Browser, tmp_path: Path) -> None:
    visit(browser, tmp_path, RICH, "#account=second")
    browser.value(OPEN)
    browser.value(DRAWN)
    days = {row[0]: row for row in browser.value(ROWS.format("daily"))}
    assert days["2026-09-18"][1:3] == ["not proven", "0"]
    zero = next(row for row in RICH["coverage"] if row[0] == 1 and row[3] == "proven" and row[5] == 0)
    assert days[zero[2]][1:3] == ["proven", "0"]
    patterns = browser.value("document.querySelectorAll('#daily svg pattern').length")
    assert patterns > 0


def test_a_click_on_a_head_sorts_by_value_and_not_by_spelling(browser: Browser, tmp_path: Path) -> None:
    visit(browser, tmp_path, RICH)
    column = [row[7] for row in browser.value(ROWS.format("largest"))]
    browser.value("document.querySelectorAll('#largest th button')[7].click()")
    ordered = [row[7] for row in browser.value(ROWS.format("largest"))]
    assert ordered == sorted(column, key=Decimal, reverse=True)
    assert browser.value("document.querySelectorAll('#largest th')[7].ariaSort") == "descending"


@pytest.mark.parametrize("width", few_of([320, 390, 768, 1280], 2))
def test_nothing_but_a_table_scrolls_sideways(browser: Browser, tmp_path: Path, width: int) -> None:
    names = ("an account with a name that is far too long for any telephone", "A" * 60)
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
    try:
        visit(browser, tmp_path, reported.rich(names, ("B" * 60 + "USDT", "ETHUSDT")))
        browser.value(OPEN)
        browser.value(DRAWN)
        assert browser.value("document.documentElement.scrollWidth") <= width
        assert browser.value("[...document.querySelectorAll('svg')].every(one => one.clientWidth > 100)")
    finally:
        browser.call("Emulation.clearDeviceMetricsOverride")


def test_dark_and_light_change_while_the_page_is_open_and_paper_is_light(browser: Browser, tmp_path: Path) -> None:
    colours = "[...new Set([...document.querySelectorAll('#daily svg path')].map(path => path.getAttribute('fill')))]"

    def prefer(shade: str) -> list[str]:
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": shade}])
        browser.value(DRAWN)
        found: list[str] = browser.value(colours)
        return found

    try:
        visit(browser, tmp_path, RICH)
        light, dark = prefer("light"), prefer("dark")
        assert "#d55e00" in light
        assert "#d55e00" not in dark
        assert "#f08a4b" in dark
        browser.value("dispatchEvent(new Event('beforeprint'))")
        assert "#d55e00" in browser.value(colours)
        browser.value("dispatchEvent(new Event('afterprint'))")
        assert "#f08a4b" in browser.value(colours)
    finally:
        browser.call("Emulation.setEmulatedMedia", features=[])
