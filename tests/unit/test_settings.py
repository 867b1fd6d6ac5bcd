"""Settings: which source wins, what is refused, and what a refusal says."""

import os
import re
import sys
import traceback
import zoneinfo
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from etl.errors import ConfigError
from etl.settings.loading import load, unknown_variables

SECRET = "hunter2-do-not-show"


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and nothing of ours in the environment."""
    for name in os.environ:
        if name.upper().startswith(("FORCE_ORDERS_", "BINANCE_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(text: str, name: str = "force-orders.toml") -> Path:
    file = Path(name)
    file.write_text(text, encoding="utf-8")
    return file


def refusal(config: Path | None = None) -> str:
    """What the one line says that the settings are refused with."""
    with pytest.raises(ConfigError) as refused:
        load(config)
    assert SECRET not in "".join(traceback.format_exception(refused.value)) + repr(refused.value)
    assert str(refused.value).isprintable()
    return str(refused.value)


def test_without_anything_set_the_defaults_hold() -> None:
    settings = load()
    assert (settings.base_url, settings.retention_days, settings.settle_seconds) == (
        "https://fapi.binance.com",
        90,
        600,
    )
    assert (settings.weight_budget, settings.window_days, settings.page_limit) == (None, 7, 100)
    assert settings.database_url is None
    assert settings.data_dir.name == "force-orders"
    assert settings.accounts == {}


def test_a_file_in_the_working_directory_is_read() -> None:
    written("weight_budget = 500\nwindow_days = 0.5")
    assert (load().weight_budget, load().window_days) == (500, 0.5)


def test_the_environment_wins_over_the_file_and_leaves_the_rest_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written("weight_budget = 500\nconcurrency = 2")
    monkeypatch.setenv("FORCE_ORDERS_WEIGHT_BUDGET", "700")
    assert (load().weight_budget, load().concurrency) == (700, 2)


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    written("weight_budget = 500")
    monkeypatch.setenv("FORCE_ORDERS_WEIGHT_BUDGET", "")
    assert load().weight_budget == 500


def test_a_named_file_goes_before_the_one_of_the_variable_and_that_before_the_working_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written("concurrency = 1")
    monkeypatch.setenv("FORCE_ORDERS_CONFIG", str(written("concurrency = 2", "variable.toml")))
    assert load().concurrency == 2
    assert load(written("concurrency = 3", "option.toml")).concurrency == 3


@pytest.mark.parametrize("named", ["absent.toml", "."])
def test_a_named_file_that_is_not_there_is_refused(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(Path(named)) == f"there is no settings file {named}"
    monkeypatch.setenv("FORCE_ORDERS_CONFIG", named)
    assert refusal() == f"there is no settings file {named}"


@pytest.mark.parametrize("content", [b"weight_budget = ", b"\xff", b"a = 1\na = 2", b"weight_budget: 5"])
def test_what_is_no_toml_is_refused_by_the_name_of_its_file(content: bytes) -> None:
    Path("force-orders.toml").write_bytes(content)
    assert refusal().startswith("force-orders.toml is not valid TOML: ")


@pytest.mark.parametrize(
    "text",
    [
        f"api_secret = {SECRET}",
        f"[accounts.main]\napi_secret = '{SECRET}",
        f"database_url = postgresql://u:{SECRET}@host/db",
        f"database_url = 'mysql://u:{SECRET}@host/db'",
        f"weight_budget = '{SECRET}'",
        f"base_url = 'https://u:{SECRET}@host'",
        f"accounts = '{SECRET}'",
        f"[accounts]\nmain = '{SECRET}'",
        f"[accounts.main]\napi_key_file = ['{SECRET}']",
        f"[accounts.main]\napi_secret = {{ value = '{SECRET}' }}",
    ],
)
def test_whatever_is_wrong_with_a_file_the_secret_in_it_is_not_shown(text: str) -> None:
    written(text)
    assert "force-orders.toml" in refusal()


@pytest.mark.parametrize("text", ["KEY = 5", "[accounts.main]\nKEY = 'x'", "[KEY]\n[KEY]", "'KEY+/=' = 1"])
def test_a_key_that_stands_where_the_name_of_a_setting_belongs_is_not_shown(text: str) -> None:
    written(text.replace("KEY", "Hunter2DoNotShow" * 4))
    assert "Hunter2" not in refusal()
    assert "…" in refusal()


@pytest.mark.parametrize("text", ["weight = 5", "[accounts.main]\napi_secret = 'hunter2-do-not-show'", "config = 'x'"])
def test_a_key_that_there_is_not_is_refused_by_name_without_its_value(text: str) -> None:
    written(text)
    key = "accounts.main.api_secret" if "main" in text else text.split(" ")[0]
    assert refusal().startswith(f"force-orders.toml: there is no setting {key!r}; ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("databse_url = 'x'", "'databse_url'; did you mean database_url?"),
        (
            "[accounts.main]\napi_key_flie = 'x'",
            "'accounts.main.api_key_flie'; did you mean accounts.main.api_key_file?",
        ),
        ("frobnicate = 1", "'frobnicate'; 'force-orders config example' lists them all"),
        ("[accounts.main]\nfrobnicate = 1", "'accounts.main.frobnicate'; 'force-orders config example' lists them all"),
    ],
)
def test_the_name_that_was_meant_is_told_where_one_is_near(text: str, said: str) -> None:
    written(text)
    assert refusal() == f"force-orders.toml: there is no setting {said}"


def test_every_variable_that_something_reads_is_known() -> None:
    root = Path(__file__).resolve().parents[2]
    places = [*(root / "etl").rglob("*.py"), *(root / "config").rglob("*.*"), root / "docker-compose.yml"]
    read = {name for file in places for name in re.findall(r"FORCE_ORDERS_[A-Z_]+[A-Z]", file.read_text("utf-8"))}
    assert {"FORCE_ORDERS_CONFIG", "FORCE_ORDERS_EGRESS"} <= read
    assert unknown_variables([*read, "HOME", "FORCE_ORDERS_TEST_DATABASE_URL"]) == []


def test_a_variable_that_nothing_reads_is_named_with_the_nearest_one_that_is_read() -> None:
    assert unknown_variables(["FORCE_ORDERS_FROBNICATE", "FORCE_ORDERS_BASEURL", "force_orders_x"]) == [
        "nothing reads the variable FORCE_ORDERS_BASEURL; did you mean FORCE_ORDERS_BASE_URL?",
        "nothing reads the variable FORCE_ORDERS_FROBNICATE",
    ]


def test_a_path_may_begin_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    written("data_dir = '~/data'")
    assert load().data_dir == Path("/home/somebody/data")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        *(("weight_budget", value) for value in ("49", "10000001", "many", "1.5")),
        *(("retention_days", value) for value in ("-1", "36501")),
        *(("settle_seconds", value) for value in ("-1", "86401")),
        *(("reread_days", value) for value in ("-1", "61", "1.5")),
        *(("window_days", value) for value in ("0", "7.1", "-1", "nan", "inf", "week")),
        *(("page_limit", value) for value in ("0", "101")),
        *(("concurrency", value) for value in ("0", "33")),
        *(("attempts", value) for value in ("0", "21")),
        *(("connect_timeout_seconds", value) for value in ("0", "301", "nan")),
        *(("read_timeout_seconds", value) for value in ("0", "301")),
        *(("recv_window_ms", value) for value in ("99", "60001")),
        *(("patience_seconds", value) for value in ("-1", "86401")),
        *(("notify_about", value) for value in ("everything", "failure gap", ",", "failure,,gap")),
        *(("notify_gap_days", value) for value in ("0", "36501")),
        *(("notify_timeout_seconds", value) for value in ("0", "301")),
        *(
            ("time_zone", value)
            for value in ("Mars/Base", "europe/berlin", "Europe", "UTC+3", "../UTC", "localtime", " ")
        ),
        ("egress", "x" * 201),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_the_name_it_was_set_by(
    name: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(f"{name} = '{wrong}'")
    assert refusal().startswith(f"{name} in force-orders.toml: ")
    monkeypatch.setenv(f"FORCE_ORDERS_{name.upper()}", wrong)
    assert refusal().startswith(f"FORCE_ORDERS_{name.upper()}: ")


@pytest.mark.parametrize(
    ("name", "least", "greatest"),
    [
        ("weight_budget", 50, 10_000_000),
        ("retention_days", 0, 36_500),
        ("settle_seconds", 0, 86_400),
        ("reread_days", 0, 60),
        ("page_limit", 1, 100),
        ("concurrency", 1, 32),
        ("attempts", 1, 20),
        ("recv_window_ms", 100, 60_000),
        ("patience_seconds", 0, 86_400),
    ],
)
def test_the_bounds_themselves_are_accepted(name: str, least: int, greatest: int) -> None:
    for value in (least, greatest):
        written(f"{name} = {value}")
        assert getattr(load(), name) == value


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Asia/Kathmandu", "Etc/GMT+3"])
def test_a_time_zone_has_a_name_of_iana(name: str) -> None:
    assert load().time_zone == "UTC"
    written(f"time_zone = '{name}'")
    assert load().time_zone == name


def test_a_machine_without_time_zone_data_leaves_a_name_to_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("tzdata", "tzdata.zoneinfo", "tzdata.zoneinfo.Etc"):
        monkeypatch.setitem(sys.modules, package, None)
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    try:
        written("time_zone = 'Mars/Base'")
        assert load().time_zone == "Mars/Base"
        written("time_zone = '+03'")
        assert "must be the name of a time zone" in refusal()
    finally:
        zoneinfo.reset_tzpath()


@pytest.mark.parametrize("value", ["[]", "[1]", "true", "{ gap = 1 }", "['gap', 'gaps']", "['failure,gap']"])
def test_what_is_no_list_of_some_of_its_names_is_refused(value: str) -> None:
    written(f"notify_about = {value}")
    assert refusal() == "notify_about in force-orders.toml: must be some of failure, gap, orders"


def test_some_of_its_names_are_a_list_in_a_file_and_have_commas_between_them_in_a_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load().notify_about == ("failure", "gap")
    written("notify_about = ['orders', 'gap', 'gap']")
    assert load().notify_about == ("gap", "orders")
    monkeypatch.setenv("FORCE_ORDERS_NOTIFY_ABOUT", "orders, failure")
    assert load().notify_about == ("failure", "orders")


@pytest.mark.parametrize("value", ["x", SECRET, '{"a":{"b":1}}'])
def test_accounts_in_a_variable_are_refused_by_its_name(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_ORDERS_ACCOUNTS", value)
    assert refusal() == "FORCE_ORDERS_ACCOUNTS: accounts belong in a settings file, as [accounts.NAME]"


@pytest.mark.parametrize(
    ("name", "shown"), [("a b", "a b"), ("", ""), ("x" * 65, "x" * 65), ("a/b", "a/b"), ("ä", "ä"), (r"a\nb", "a b")]
)
def test_an_account_has_a_name_that_fits_everywhere(name: str, shown: str) -> None:
    written(f'[accounts."{name}"]\napi_key_variable = "K"')
    assert refusal().startswith(f"accounts.{shown} in force-orders.toml: a name has 1 to 64 letters")


def test_every_fault_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written("page_limit = 0\nnope = 1")
    monkeypatch.setenv("FORCE_ORDERS_ATTEMPTS", "x")
    faults = refusal().split("; ")
    assert len(faults) == 4
    assert [word in refusal() for word in ("page_limit in force-orders", "'nope'", "FORCE_ORDERS_ATTEMPTS:")] == [
        True
    ] * 3


@pytest.mark.parametrize(
    "url",
    ["https://fapi.binance.com", "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:9", "https://proxy/path"],
)
def test_an_exchange_is_reached_by_https_or_on_a_loopback_address(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_ORDERS_BASE_URL", f"{url}/")
    assert load().base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://fapi.binance.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
    ],
)
def test_plain_http_to_another_machine_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_ORDERS_BASE_URL", url)
    expected = "must begin with https://; plain http is allowed for a loopback address only"
    assert refusal() == f"FORCE_ORDERS_BASE_URL: {expected}"


@pytest.mark.parametrize(
    "url",
    [
        "fapi.binance.com",
        "ftp://fapi.binance.com",
        "https://",
        "https:///path",
        "https://[::1",
        "https://host:port",
        "https://host:99999",
        f"https://user:{SECRET}@host",
        "http://127.0.0.1@example.com",
        "https://host/?x=1",
        "https://host/#part",
        "https://host?",
        "https://host/#",
        f"https://:{SECRET}@host",
        f"https://user:{SECRET}@hos℀",
        f"https://host:{SECRET}",
        f"https://[{SECRET}]",
        "https://exa mple.com",
        "https://host ",
        "https://host/\tpath",
        "https://host\n",
        "https://host\\path",
        "file:///etc/passwd",
    ],
)
def test_a_malformed_address_of_the_exchange_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_ORDERS_BASE_URL", url)
    assert refusal().startswith("FORCE_ORDERS_BASE_URL: ")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_database_is_a_postgres_and_its_password_is_not_shown(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{scheme}://u:{SECRET}@host/db"
    monkeypatch.setenv("FORCE_ORDERS_DATABASE_URL", url)
    settings = load()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == url
    assert SECRET not in repr(settings) + str(settings)


@pytest.mark.parametrize("url", [f"mysql://u:{SECRET}@host/db", f"sqlite:///{SECRET}", f"{SECRET}", f"//u:{SECRET}@h"])
def test_another_database_is_refused_without_showing_its_address(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_ORDERS_DATABASE_URL", url)
    assert refusal().startswith("FORCE_ORDERS_DATABASE_URL: must be the URL of a Postgres")


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(FrozenInstanceError):
        load().page_limit = 5  # type: ignore[misc]


def test_without_an_address_of_its_own_each_api_is_the_exchange_s() -> None:
    assert load().base_urls() == {
        "fapi": "https://fapi.binance.com",
        "dapi": "https://dapi.binance.com",
        "papi": "https://papi.binance.com",
        "sapi": "https://api.binance.com",
    }


def test_a_key_for_a_proxy_or_a_test_host_goes_to_no_other_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_ORDERS_BASE_URL", "https://proxy.example")
    assert set(load().base_urls().values()) == {"https://proxy.example"}
    monkeypatch.setenv("FORCE_ORDERS_PAPI_BASE_URL", "https://other.example/")
    assert load().base_urls()["papi"] == "https://other.example"
    assert load().base_urls()["dapi"] == "https://proxy.example"


@pytest.mark.parametrize(
    ("text", "of_all", "of_hedge"),
    [
        ("[accounts.hedge]\n", (), ()),
        ('markets = "auto"\n[accounts.hedge]\n', (), ()),
        ('markets = ["coinm", "usdm"]\n[accounts.hedge]\n', ("usdm", "coinm"), ("usdm", "coinm")),
        ('markets = ["usdm"]\n[accounts.hedge]\nmarkets = ["pm-usdm"]\n', ("usdm",), ("pm-usdm",)),
        ('markets = ["usdm"]\n[accounts.hedge]\nmarkets = "auto"\n', ("usdm",), ()),
    ],
)
def test_an_account_has_the_markets_that_are_set_for_it_else_those_that_are_set_for_all(
    text: str, of_all: tuple[str, ...], of_hedge: tuple[str, ...]
) -> None:
    written(text)
    settings = load()
    assert (settings.markets_of("main"), settings.markets_of("hedge")) == (of_all, of_hedge)


def test_a_market_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_ORDERS_MARKETS", "usdm,spot")
    assert refusal() == (
        "FORCE_ORDERS_MARKETS: must be some of usdm, coinm, pm-usdm, pm-coinm, pm-margin, margin, or auto"
    )


def test_kinds_of_income_are_the_exchanges_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().income_types == ("INSURANCE_CLEAR",)
    written("income_types = ['FUNDING_FEE', 'COMMISSION', 'FUNDING_FEE']")
    assert load().income_types == ("FUNDING_FEE", "COMMISSION")
    written("income_types = []")
    assert load().income_types == ()
    monkeypatch.setenv("FORCE_ORDERS_INCOME_TYPES", "INSURANCE_CLEAR, NEW_KIND_2")
    assert load().income_types == ("INSURANCE_CLEAR", "NEW_KIND_2")
    monkeypatch.setenv("FORCE_ORDERS_INCOME_TYPES", "none")
    assert load().income_types == ()


@pytest.mark.parametrize("value", ["'insurance_clear'", "['A', 1]", "'A,,B'", "3", "'A;B'"])
def test_what_is_no_kind_of_income_is_refused(value: str) -> None:
    written(f"income_types = {value}")
    assert refusal().startswith("income_types in force-orders.toml: must be kinds of income")
