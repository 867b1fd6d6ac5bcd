"""One account's trouble is its own; what concerns the address or the host ends the run."""

from typing import Any

import pytest

from tests.acceptance.lab import DAY, FORCE_ORDERS, Lab, Labs, order_row
from tests.acceptance.several_accounts import many_accounts, two_accounts
from tests.combining import each_value_once

TROUBLES: dict[str, dict[str, Any]] = {
    "an inactive wallet": {"kind": "code", "code": -4109, "msg": "This account is inactive."},
    "an invalid account": {"kind": "code", "code": -1109, "msg": "Invalid account."},
    "a region": {"kind": "code", "code": -4402, "msg": "Not available in your region."},
    "an unknown code": {"kind": "code", "code": -9999},
    "a page of HTML": {"kind": "status", "status": 400, "body": "<html>Bad Request</html>"},
    "a clock that is always refused": {"kind": "code", "code": -5028, "msg": "Timestamp is outside."},
    "no such endpoint": {"kind": "status", "status": 404},
    "a region of the address": {"kind": "status", "status": 451},
    "a redirect": {"kind": "redirect"},
    "no answer": {"kind": "status", "status": 503},
    "no page": {"kind": "object"},
}
FEW = {"FORCE_ORDERS_ATTEMPTS": "1"}
"""So that no test waits for a retry."""


def marks(lab: Lab) -> list[str]:
    read = lab.sql("SELECT account FROM watermarks WHERE watermark IS NOT NULL AND symbol = '*' ORDER BY account")
    return [row["account"] for row in read]


@each_value_once(trouble=list(TROUBLES), troubled=["main", "account2"])
def test_of_two_accounts_the_other_is_read_whatever_the_first_is_answered(
    lab: Labs, troubled: str, trouble: str
) -> None:
    both = two_accounts(lab)
    other = {"main": "account2", "account2": "main"}[troubled]
    both.tell("faults", [TROUBLES[trouble] | {"account": troubled}])
    done = both("backfill", **FEW)
    assert done.returncode == 1
    faults = [line for line in done.stderr.splitlines() if "clock cannot be read" not in line]
    assert [line.partition(": ")[2].partition(": ")[0] for line in faults] == [f"account {troubled}"], done.stderr
    assert marks(both) == [other]
    assert [row["account"] for row in both.sql("SELECT account FROM force_orders")] == [other]
    both.tell("faults", [])
    assert both("sync").returncode == 0
    assert marks(both) == ["account2", "main"]


def test_four_of_five_accounts_in_different_trouble_keep_the_fifth_from_nothing(lab: Labs) -> None:
    five = many_accounts(lab, 5)
    names = ["main", "account2", "account3", "account4"]
    five.tell("faults", [one | {"account": name} for name, one in zip(names, TROUBLES.values(), strict=False)])
    done = five("backfill", **FEW)
    assert (done.returncode, marks(five)) == (1, ["account5"])


@pytest.mark.parametrize("kind", ["no such endpoint", "a region of the address", "a redirect", "no answer", "no page"])
def test_what_every_account_is_answered_ends_the_run_and_is_said_once(lab: Labs, kind: str) -> None:
    many = many_accounts(lab, 12)
    many.tell("faults", [TROUBLES[kind] | {"path": FORCE_ORDERS}])
    done = many("backfill", FORCE_ORDERS_CONCURRENCY="1", **FEW)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert many.stats()["requests_by_path"][FORCE_ORDERS] <= 7
    assert many.last_run()["status"] == "failed"


def test_a_lone_account_in_trouble_fails_and_what_it_had_stays(lab: Labs) -> None:
    alone = many_accounts(lab, 1)
    alone.tell("faults", [TROUBLES["an inactive wallet"] | {"path": FORCE_ORDERS, "at": [3, None]}])
    done = alone("backfill", FORCE_ORDERS_CONCURRENCY="1")
    assert done.returncode == 1
    assert "no active futures wallet" in done.stderr
    assert alone.sql("SELECT FROM coverage WHERE NOT isempty(proven)")


def test_a_closed_symbol_is_the_symbol_s_own_trouble(lab: Labs) -> None:
    some = lab()
    at = some.now() - DAY
    some.tell("orders", [order_row("BTCUSDT", 1, at)])
    some.tell("faults", [{"kind": "code", "code": -4141, "msg": "Symbol is closed.", "at": 1, "path": FORCE_ORDERS}])
    done = some("backfill", "--since", "2d", "--symbol", "ABCUSDT", "--symbol", "BTCUSDT", FORCE_ORDERS_CONCURRENCY="1")
    assert done.returncode == 2
    assert "does not know the symbol ABCUSDT or has closed it" in done.stderr
    assert [row["symbol"] for row in some.sql("SELECT symbol FROM force_orders")] == ["BTCUSDT"]
