"""What an account has and what its key may do: wallets, permissions, and the switch to Portfolio Margin."""

from dataclasses import replace
from typing import Any

import pytest

from etl.simulator.accounts import MAIN, Account, demo_accounts
from etl.simulator.history import Generated, Profile
from etl.simulator.scenario import DAY_MS
from tests.unit.desk import START, Desk, row

FAPI, DAPI = "/fapi/v1/forceOrders", "/dapi/v1/forceOrders"
PAPI = "/papi/v1/um/forceOrders"
PAPI_ALL = [PAPI, "/papi/v1/cm/forceOrders", "/papi/v1/margin/forceOrders"]
INFO, RESTRICTIONS = "/sapi/v1/account/info", "/sapi/v1/account/apiRestrictions"
SWITCH = START + DAY_MS
SWITCHING = replace(MAIN, wallets=("usdm", "coinm", "margin"), portfolio_margin_from_ms=SWITCH)


def switched(*rows: dict[str, Any], account: Account = SWITCHING, **switches: Any) -> Desk:
    """Two days later, one after the switch."""
    desk = Desk(*rows, accounts=(account,), **switches)
    desk.real_ms += 2 * DAY_MS
    return desk


def test_until_the_switch_papi_refuses_and_from_then_on_fapi_and_dapi() -> None:
    desk = Desk(accounts=(SWITCHING,))
    desk.real_ms = SWITCH - 1
    assert [desk.signed(path).status for path in (FAPI, DAPI)] == [200, 200]
    assert [desk.refused(path) for path in PAPI_ALL] == [(401, -2015)] * 3
    assert desk.read(INFO)["isPortfolioMarginRetailEnabled"] is False
    desk.real_ms = SWITCH
    assert [desk.refused(path) for path in (FAPI, DAPI)] == [(401, -2015)] * 2
    assert [desk.signed(path).status for path in PAPI_ALL] == [200] * 3
    assert desk.read(INFO)["isPortfolioMarginRetailEnabled"] is True


def test_market_data_stays_open_at_fapi_and_dapi_after_the_switch() -> None:
    desk = switched()
    assert [desk.get(path).status for path in ("/fapi/v1/time", "/dapi/v1/exchangeInfo")] == [200, 200]


def test_orders_lie_in_the_books_of_the_mode_in_which_they_were_created() -> None:
    desk = switched(row(SWITCH - 1, closePosition=False), row(SWITCH, order_id=2, closePosition=False))
    assert desk.sim("history") == [row(SWITCH - 1, closePosition=False)]
    assert desk.sim("history", market="pm-usdm") == [row(SWITCH, order_id=2)]
    assert desk.read(PAPI) == [row(SWITCH, order_id=2)]


def test_a_random_history_is_divided_and_nothing_is_lost() -> None:
    bursty = Generated(Profile("bursty", orders_a_day=20.0), "switch", days=30)
    halfway = replace(SWITCHING, portfolio_margin_from_ms=START - 10 * DAY_MS)
    whole = Desk(history=bursty).sim("history")
    desk = Desk(history=bursty, accounts=(halfway,))
    before, after = desk.sim("history"), desk.sim("history", market="pm-usdm")
    assert [one["orderId"] for one in before + after] == [one["orderId"] for one in whole]
    assert max(one["time"] for one in before) < START - 10 * DAY_MS <= min(one["time"] for one in after)


def test_papi_may_show_earlier_orders_in_its_own_shape() -> None:
    rows = row(SWITCH - 1, closePosition=False), row(SWITCH, order_id=2)
    desk = switched(*rows, papi_shows_earlier=True)
    assert desk.read(PAPI) == [row(SWITCH - 1), row(SWITCH, order_id=2)]
    desk.sim("orders", [row(SWITCH + 1, order_id=3)])
    assert desk.read(PAPI)[2:] == [row(SWITCH + 1, order_id=3)]


def test_an_order_of_a_named_book_stays_there_as_it_is() -> None:
    desk = switched()
    desk.sim("orders", [row(START, workingType="CONTRACT_PRICE")], market="pm-usdm")
    assert desk.read(PAPI) == [row(START, workingType="CONTRACT_PRICE")]


def test_an_isolated_pair_stays_outside_of_portfolio_margin() -> None:
    desk = switched()
    cross, isolated = (
        {"symbol": "BTCUSDT", "orderId": 1, "isIsolated": flag, "updatedTime": SWITCH} for flag in (False, True)
    )
    desk.sim("orders", [cross, isolated], market="margin")
    assert desk.read("/papi/v1/margin/forceOrders") == {
        "rows": [{"symbol": "BTCUSDT", "orderId": 1, "updatedTime": SWITCH}],
        "total": 1,
    }
    sapi = "/sapi/v1/margin/forceLiquidationRec"
    assert desk.read(sapi) == {"rows": [], "total": 0}
    assert desk.read(sapi, isolatedSymbol="BTCUSDT") == {"rows": [isolated], "total": 1}


def test_a_key_that_is_older_than_the_switch_opens_nothing_at_papi() -> None:
    old = replace(SWITCHING, key_created_ms=SWITCH - 1)
    assert [switched(account=old).refused(path) for path in PAPI_ALL] == [(401, -2015)] * 3
    assert switched(account=replace(old, key_created_ms=SWITCH)).signed(PAPI).status == 200


def test_the_restrictions_say_what_the_key_may_do_and_since_when() -> None:
    may = ("enableReading", "enableWithdrawals", "enableFutures", "enablePortfolioMarginTrading")
    desk = Desk(accounts=(replace(SWITCHING, permissions=may),))
    before = desk.read(RESTRICTIONS)
    desk.real_ms = SWITCH
    after = desk.read(RESTRICTIONS)
    assert (before["createTime"], after["createTime"]) == (1_577_836_800_000, SWITCH)
    assert [name for name, value in before.items() if value is True] == [*may[:3]]
    assert [name for name, value in after.items() if value is True] == [may[0], may[1], may[3]]
    assert before["ipRestrict"] is False


def test_a_key_may_be_unable_to_read_anything() -> None:
    desk = Desk(accounts=(replace(MAIN, permissions=()),))
    assert [desk.refused(path) for path in (FAPI, INFO, RESTRICTIONS)] == [(401, -2015)] * 3


@pytest.mark.parametrize(
    ("account", "path", "permission"),
    [
        (MAIN, FAPI, "enableFutures"),
        (replace(MAIN, portfolio_margin_from_ms=0), PAPI, "enablePortfolioMarginTrading"),
    ],
)
def test_reading_alone_may_not_suffice(account: Account, path: str, permission: str) -> None:
    more = replace(account, permissions=("enableReading", permission))
    assert Desk(accounts=(account,)).signed(path).status == 200
    assert Desk(accounts=(account,), reading_suffices=False).refused(path) == (401, -2015)
    assert Desk(accounts=(more,), reading_suffices=False).signed(path).status == 200


def test_a_sub_account_may_have_fewer_wallets() -> None:
    main, sub = demo_accounts(2)
    sub = replace(sub, wallets=("coinm",))
    desk = Desk(accounts=(main, sub))
    assert [desk.signed(path, sub).status for path in (FAPI, DAPI)] == [400, 200]
    assert desk.refused(FAPI, sub) == (400, -4109)
    assert desk.signed(FAPI, main).status == 200
    desk.sim("scenario", {"no_wallet": "-2015"})
    assert desk.refused(FAPI, sub) == (401, -2015)


def test_an_account_changes_on_the_way() -> None:
    desk = Desk(row(START - 5), row(START - 3, order_id=2))
    said = desk.sim("accounts", {"portfolio_margin_from_ms": START - 4, "wallets": ["usdm", "margin"]}, account="main")
    assert (said["portfolio_margin_from_ms"], said["wallets"]) == (START - 4, ["usdm", "margin"])
    assert desk.read(PAPI) == [row(START - 3, order_id=2)]
    assert desk.sim("history") == [row(START - 5)]
    assert desk.sim("accounts")[0]["wallets"] == ["usdm", "margin"]


@pytest.mark.parametrize(
    "changes",
    [
        [],
        {"wallets": ["pm-usdm"]},
        {"wallets": "usdm"},
        {"permissions": [["enableReading"]]},
        {"key": "k"},
        {"portfolio_margin_from_ms": "now"},
        {"key_created_ms": True},
    ],
)
def test_what_an_account_cannot_have_is_refused_in_one_line(changes: Any) -> None:
    assert "\n" not in Desk().sim("accounts", changes, status=400)["error"]


def test_a_market_that_does_not_exist_is_refused() -> None:
    assert "there is no market 'spot'" in Desk().sim("history", status=400, market="spot")["error"]
