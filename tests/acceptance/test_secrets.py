"""No key, secret, password or signature in an output, a log or a table: whatever is typed and however it fails."""

import json
import shlex
from collections.abc import Callable
from typing import get_args

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from etl.simulator.accounts import DEMO_KEY, DEMO_SECRET, Account
from etl.simulator.faults import Kind
from tests.acceptance.echoing import Echo
from tests.acceptance.lab import DAY, Lab, Labs, order_row
from tests.acceptance.leaks import (
    OTHER_KEY,
    OTHER_PASSWORD,
    OTHER_SECRET,
    PEMS,
    PRIVATE_KEYS,
    leaks,
    stored,
)
from tests.combining import few_of
from tests.roles import ROLE_PASSWORD, as_role

Breaking = Callable[[Lab], dict[str, str]]
"""Breaks something; the answer is what the environment of the command then says."""


QUICK = {
    "FORCE_ORDERS_ATTEMPTS": "2",
    "FORCE_ORDERS_PATIENCE_SECONDS": "0",
    "FORCE_ORDERS_CONNECT_TIMEOUT_SECONDS": "0.5",
    "FORCE_ORDERS_READ_TIMEOUT_SECONDS": "0.5",
}


HMAC = "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
PLANTED = {
    "a key in a header": ("API key", json.dumps({"X-MBX-APIKEY": DEMO_KEY})),
    "another's key": ("API key", f"account({OTHER_KEY})"),
    "a part of a key": ("API key", DEMO_KEY[5:30]),
    "a secret": ("secret", DEMO_SECRET),
    "the end of a secret": ("secret", OTHER_SECRET[-20:]),
    "a password": ("password", f"postgresql://me:{ROLE_PASSWORD}@host/db"),
    "another's password": ("password", OTHER_PASSWORD),
    "an RSA key": ("private key", PEMS["rsa"]),
    "a line of it": ("private key", PEMS["rsa"].splitlines()[7]),
    "an Ed25519 key": ("private key", PEMS["ed25519"]),
    "a signed URL": ("signature", "?a=1&signature=x"),
    "a signed URL in a URL": ("signature", "?url=a%3D1%26signature%3Dx"),
    "a signature by itself": ("signature", HMAC),
}


@pytest.mark.parametrize(("kind", "text"), PLANTED.values(), ids=PLANTED)
def test_the_search_finds_what_was_planted(kind: str, text: str) -> None:
    assert leaks(f"so {text} it was") == {kind}


def test_the_search_reads_every_table_and_passes_over_masks(lab: Labs) -> None:
    searched = lab(histories={"main": []})
    searched.sql("INSERT INTO cooldowns VALUES ('here', now(), 'GET ?signature=…') RETURNING 1")
    assert leaks(stored(searched) + json.dumps("signature=…")) == set()
    searched.sql(f"INSERT INTO quarantined_orders (account, market, raw, reason, run_id) "
                 f"VALUES ('main', 'usdm', '{{\"a\": [\"{DEMO_KEY}\"]}}', '', 1) RETURNING 1")  # fmt: skip
    assert leaks(stored(searched)) == {"API key"}


def fault(kind: str, **values: object) -> Breaking:
    """An exchange that answers every question about orders in this way."""

    def breaking(lab: Lab) -> dict[str, str]:
        lab.tell("faults", [{"kind": kind, "path": "/fapi/v1/forceOrders", **values}])
        return {}

    return breaking


def setting(**environment: str) -> Breaking:
    return lambda lab: environment


def settings_file(text: str) -> Breaking:
    def breaking(lab: Lab) -> dict[str, str]:
        (lab.command.directory / "force-orders.toml").write_text(text)
        return {}

    return breaking


def private_key_file(text: str) -> Breaking:
    def breaking(lab: Lab) -> dict[str, str]:
        file = lab.command.directory / "key.pem"
        file.write_text(text)
        file.chmod(0o600)
        return {"BINANCE_API_PRIVATE_KEY_FILE": str(file), "BINANCE_API_SECRET": ""}

    return breaking


def unreachable(lab: Lab) -> dict[str, str]:
    lab.simulator.stop()
    return {}


def database(url: str) -> Breaking:
    return setting(FORCE_ORDERS_DATABASE_URL=url.format(password=OTHER_PASSWORD))


ECHO = f"GET /fapi/v1/forceOrders?timestamp=1&signature={HMAC} of {DEMO_KEY}: {HMAC} is no signature of it"

FAULTS = {
    "status": (3, fault("status")),
    "code": (3, fault("code")),
    "key": (1, fault("key")),
    "skew": (1, fault("skew")),
    "redirect": (1, fault("redirect", location=f"https://elsewhere.invalid/?signature={HMAC}")),
    "garbage": (3, fault("garbage")),
    "object": (3, fault("object")),
    "huge": (3, fault("huge", mib=17)),
    "cut": (3, fault("cut")),
    "gzip_lie": (3, fault("gzip_lie")),
    "gzip_bomb": (3, fault("gzip_bomb", mib=17)),
    "drip": (3, fault("drip")),
    "slow": (3, fault("slow")),
    "reset": (3, fault("reset")),
    "close": (3, fault("close")),
    "hang": (3, fault("hang")),
    "throttle": (4, fault("throttle")),
    "ban": (4, fault("ban")),
}
BROKEN: dict[str, tuple[int, Breaking]] = {
    **{f"the fault {kind}": how for kind, how in FAULTS.items()},
    "an error that echoes the request": (1, fault("status", status=400, body=json.dumps({"code": -1022, "msg": ECHO}))),
    "a page of a proxy that echoes the request": (3, fault("status", status=502, body=f"<html>{ECHO}</html>")),
    "text that echoes the request": (3, fault("status", status=200, body=ECHO)),
    "JSON that echoes the request": (3, fault("status", status=200, body=json.dumps({"url": ECHO}))),
    "a ban that echoes the request": (4, fault("status", status=418, body=json.dumps({"code": -1003, "msg": ECHO}))),
    "an exchange that is not there": (1, unreachable),
    "a wrong key": (1, setting(BINANCE_API_KEY=OTHER_KEY)),
    "a wrong secret": (1, setting(BINANCE_API_SECRET=OTHER_SECRET)),
    "a wrong private key": (1, private_key_file(PEMS["rsa"])),
    "a database that is not there": (5, database("postgresql://me:{password}@127.0.0.1:1/none")),
}  # fmt: skip
REFUSED: dict[str, Breaking] = {
    "a key with a line break": setting(BINANCE_API_KEY=f"{OTHER_KEY}\n{OTHER_KEY}"),
    "key and secret in one": setting(BINANCE_API_KEY=f"{OTHER_KEY} {OTHER_SECRET}"),
    "half a private key": private_key_file(PEMS["ed25519"][:-30]),
    "a secret in place of a private key": private_key_file(OTHER_SECRET),
    "a secret file that cannot be read": setting(BINANCE_API_SECRET="", BINANCE_API_SECRET_FILE="/nowhere/secret"),
    "a secret in place of its file": setting(BINANCE_API_SECRET="", BINANCE_API_SECRET_FILE=OTHER_SECRET),
    "a private key in place of its file": setting(BINANCE_API_PRIVATE_KEY_FILE=PEMS["ed25519"]),
    "a secret in a file that is no TOML": settings_file(f"[accounts.main]\napi_secret = {OTHER_SECRET}"),
    "a secret in the settings file": settings_file(f'[accounts.main]\napi_secret = "{OTHER_SECRET}"'),
    "a secret in place of a number": settings_file(f'concurrency = "{OTHER_SECRET}"'),
    "a password in the exchange's address": setting(FORCE_ORDERS_BASE_URL=f"https://me:{OTHER_PASSWORD}@ho℀st"),
    "a database of another kind": database("mysql://me:{password}@host/db"),
    "a password with a sign that is not escaped": database("postgresql://me:a@{password}@127.0.0.1:1/none"),
    "a database address with a wrong port": database("postgresql://me:{password}@127.0.0.1:port/none"),
}  # fmt: skip


def test_every_fault_that_the_simulator_has_is_tried() -> None:
    assert FAULTS.keys() == set(get_args(Kind))


@pytest.mark.parametrize(("code", "breaking"), few_of(BROKEN, 10))
def test_a_failure_shows_and_stores_no_secret(lab: Labs, code: int, breaking: Breaking) -> None:
    for form in ("text", "json"):
        broken = lab(histories={"main": []})
        environment = QUICK | {"FORCE_ORDERS_EGRESS": form} | breaking(broken)
        done = broken("--log-level", "debug", "--log-format", form, "backfill", "--since", "3d", **environment)
        assert done.returncode == code, done.stderr
        assert leaks(done.stdout + done.stderr + stored(broken)) == set()


@pytest.mark.parametrize("breaking", few_of(REFUSED, 5))
def test_settings_that_are_refused_are_not_quoted(lab: Labs, breaking: Breaking) -> None:
    """Nothing is logged before they are, so that one form of the log is enough."""
    wrong = lab(histories={"main": []})
    environment = breaking(wrong)
    done = wrong("--log-level", "debug", "backfill", **environment)
    assert done.returncode == 2, done.stderr
    assert leaks(done.stdout + done.stderr + stored(wrong)) == set()
    for words in (["doctor"], ["config", "show"], ["init"]):
        done = wrong("--log-level", "debug", *words, **environment)
        assert leaks(done.stdout + done.stderr) == set()


STEERING = "\x1b[2J\x9b2J\u202eUSDT"
COMMANDS = {
    "backfill --plan": 0,
    "backfill": 3,
    "sync": 3,
    "status": 0,
    "status --json": 0,
    "status --check": 3,
    "verify": 3,
    "verify --repair": 3,
    "quarantine list": 3,
    "quarantine retry": 3,
    "report": 0,
    "report --html -": 0,
    "export --format jsonl --out -": 0,
    "db upgrade": 0,
    "db revisions": 0,
    "db url": 0,
    "db query 'SELECT * FROM runs'": 0,
    "config show": 0,
    "config show --json": 0,
    "doctor": 1,
    "doctor --json": 1,
    "init": 0,
}


@pytest.mark.parametrize(("form", "signer"), [("text", None), ("json", "ed25519")])
def test_no_command_shows_or_stores_a_secret_or_steers_the_terminal(lab: Labs, form: str, signer: str | None) -> None:
    """Each with a row in quarantine, an order that has changed since and a request that has to be repeated."""
    every = lab(None, [account(signer)], histories={"main": []})
    environment = QUICK | (private_key_file(PEMS[signer])(every) if signer else {})
    at = every.now() - DAY
    every.tell(
        "orders", [order_row("BTCUSDT", 1, at), order_row(STEERING, 2, at), order_row(STEERING, 3, at, price={})]
    )
    for words, code in COMMANDS.items():
        if words == "verify":
            every.tell("orders", [order_row(STEERING, 2, at, status="EXPIRED")])
        every.tell("faults", [{"kind": "reset", "path": "/fapi/v1/forceOrders", "at": 1}])
        role = {"FORCE_ORDERS_DATABASE_URL": as_role("owner", every.database_url)} if words == "db upgrade" else {}
        done = every("--log-level", "debug", "--log-format", form, *shlex.split(words), **environment, **role)
        assert (words, done.returncode) == (words, code), done.stderr
        assert leaks(done.stdout + done.stderr) == ({"password"} if words == "db url" else set())
        assert [line for line in (done.stdout + done.stderr).split("\n") if not line.isprintable()] == []
    assert leaks(stored(every)) == set()


def account(signer: str | None) -> Account:
    """The main account, with the public key of one of the private ones."""
    if signer is None:
        return Account("main", DEMO_KEY, DEMO_SECRET)
    public = PRIVATE_KEYS[signer].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return Account("main", DEMO_KEY, DEMO_SECRET, public.decode())


@pytest.mark.parametrize(
    ("signer", "refusal", "exit_code"),
    [(None, (503, -1001), 3), ("rsa", (400, -1022), 1), ("ed25519", (418, -1003), 4)],
    ids=["hmac", "rsa", "ed25519"],
)
def test_an_exchange_that_echoes_the_request_is_quoted_without_key_and_signature(
    lab: Labs, signer: str | None, refusal: tuple[int, int], exit_code: int
) -> None:
    echoing = lab(histories={"main": []})
    environment = QUICK | (private_key_file(PEMS[signer])(echoing) if signer else {})
    with Echo(*refusal) as echo:
        environment |= {"FORCE_ORDERS_BASE_URL": echo.url}
        done = echoing("--log-level", "debug", "backfill", "--since", "3d", **environment)
    assert done.returncode == exit_code, done.stderr
    assert echo.signatures
    assert leaks(done.stdout + done.stderr + stored(echoing), *echo.signatures) == set()
