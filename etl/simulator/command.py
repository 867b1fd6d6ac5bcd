"""The simulator as a command: every switch is an option."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, get_args

from etl.simulator.accounts import (
    DEMO_SECRET,
    PERMISSIONS,
    WALLETS,
    Account,
    changed_account,
    demo_account,
    demo_accounts,
)
from etl.simulator.exports import route_of
from etl.simulator.faults import Fault, faults_from
from etl.simulator.history import Generated, Profile, Shape
from etl.simulator.messages import Reply, Request
from etl.simulator.replay import latest_ms, replayed
from etl.simulator.scenario import DAY_MS, SWITCHES, Scenario, Switch, changed
from etl.simulator.server import Simulator, history_seed
from etl.simulator.venue import Histories

ORIGIN_HELP = (
    "the instant from which the days of a random history are counted: with one origin the past is the same whenever "
    "the simulator starts; 'start': the start of its clock, for the same history on every date and at every hour"
)
SUB = "sub"  # the account of --sub-account
MARKETS_HELP = (
    "the markets of each account but sub, of usdm, coinm and margin, with a random history in each; without: the host "
    "serves USDⓈ-M futures alone, as fapi does"
)
PORTFOLIO_MARGIN_HELP = (
    "the instant at which each account but sub switches to Portfolio Margin; 'always': it always was one. Then papi "
    "shows its markets instead of fapi and dapi"
)
KEY_CREATED_HELP = (
    "when the keys were made; papi refuses those from before the switch. Without: in 2020, and again at the switch"
)


def run(argv: Sequence[str]) -> int:
    """Serve until SIGINT or SIGTERM (0). 1: the port is in use. 2: a wrong option, found before anything else."""
    if {"--help", "-h"} & {*argv}:
        print(option_parser().format_help(), end="")  # argparse would keep silent where it cannot be written
        return 0
    try:
        options = option_parser().parse_args(argv)
        simulator = simulator_from(options)
    except ValueError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is not None:
            print(f"simulator: cannot read {error.filename}: {error.strerror}", file=sys.stderr)
            return 2
        print(
            f"simulator: cannot listen on 127.0.0.1, port {options.port}: {os.strerror(error.errno or 0)}",
            file=sys.stderr,
        )
        return 1
    try:
        simulator.serve_forever(ready=lambda: _announce(simulator))
    finally:
        simulator.stop()
    return 0


def simulator_from(options: argparse.Namespace) -> Simulator:
    """The simulator that the options describe, listening. Raises ValueError, one line, or OSError."""
    if not 0 <= options.port < 65536:
        raise ValueError(f"--port must be between 0 and 65535, not {options.port}")
    scenario = changed(Scenario(), {name: getattr(options, name) for name in SWITCHES})
    if not (options.markets or options.sub_account or options.portfolio_margin_from is not None):
        scenario = replace(scenario, dapi=False, papi=False, sapi=False)
    accounts = _accounts(options)
    histories: Histories
    if options.history is None:
        histories = {one.name: _generated(options, scenario.seed, one) for one in accounts}
    else:
        recorded = replayed(options.history)
        last_ms = latest_ms(recorded)
        if scenario.clock_at_ms is None and last_ms is not None:
            scenario = replace(scenario, clock_at_ms=last_ms + DAY_MS)
        known = {one.name for one in accounts}
        accounts += tuple(demo_account(name) for name in recorded if name not in known)
        histories = dict(recorded)
    log = _log_access if options.verbose else None
    return Simulator(scenario, accounts, histories, _faults(options.faults), options.port, access_log=log)


def _generated(options: argparse.Namespace, seed: int, account: Account) -> dict[str, Generated]:
    """A random history in each market of the account; in usdm only where no markets were asked for."""
    profile = Profile(options.profile, options.orders / options.days)
    return {
        market: Generated(profile, history_seed(seed, account.name, market), options.days, options.origin)
        for market in (account.wallets if options.markets or account.name == SUB else ("usdm",))
    }


def _accounts(options: argparse.Namespace) -> tuple[Account, ...]:
    own = {
        "portfolio_margin_from_ms": options.portfolio_margin_from,
        "key_created_ms": options.key_created,
        "permissions": options.permissions,
    }
    if options.markets:
        own["wallets"] = options.markets
    main, *others = (changed_account(one, own) for one in demo_accounts(options.accounts))
    if options.sub_account:
        others.append(replace(demo_account(SUB), wallets=options.sub_account))
    public_key = None if options.public_key is None else options.public_key.read_text(encoding="utf-8")
    key = options.api_key or os.environ.get("BINANCE_API_KEY") or main.key
    secret = options.api_secret or os.environ.get("BINANCE_API_SECRET") or main.secret
    main = replace(main, key=key, secret=secret, public_key=public_key)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("--api-key (or BINANCE_API_KEY) must be letters and digits")
    return (main, *others)


def _faults(path: Path | None) -> tuple[Fault, ...]:
    if path is None:
        return ()
    try:
        return faults_from(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _announce(simulator: Simulator) -> None:
    print("\n".join(announcement(simulator.url, list(simulator.exchange.accounts.values()))), flush=True)


def announcement(url: str, accounts: Sequence[Account]) -> list[str]:
    """Lines to paste into a shell; as comments, what a settings file needs for the accounts after the first."""
    main, *others = accounts
    lines = [
        f"# force-orders simulator on {url} (loopback only, until SIGINT)",
        f"export FORCE_ORDERS_BASE_URL={url}",
    ]
    if main.secret == DEMO_SECRET:
        lines += [f"export BINANCE_API_KEY={main.key}", f"export BINANCE_API_SECRET={main.secret}"]
    else:  # it may be a real secret, taken from the environment
        lines.append("# BINANCE_API_KEY and BINANCE_API_SECRET: as given")
    for number, one in enumerate(others, 2):
        lines += [f"export ACCOUNT{number}_API_KEY={one.key}", f"export ACCOUNT{number}_API_SECRET={one.secret}"]
    if others:
        lines.append("# for force-orders.toml, without the '# ' before each line:")
    for number, one in enumerate(others, 2):
        lines += [
            f"# [accounts.{json.dumps(one.name)}]",
            f'# api_key_variable = "ACCOUNT{number}_API_KEY"',
            f'# api_secret_variable = "ACCOUNT{number}_API_SECRET"',
        ]
    return lines


def _log_access(request: Request, reply: Reply) -> None:
    query = request.query.partition("&signature=")[0]
    path = route_of(request.path)  # without the token of a link
    target = f"{path}?{query}" if query else path
    rows = "" if reply.rows is None else f" rows={reply.rows}"
    print(f"{request.ip} {request.method} {target} {reply.label}{rows}", file=sys.stderr, flush=True)


EXAMPLES = (
    "force-orders simulator --port 8080",
    "force-orders simulator --accounts 2 --profile bursty --orders 20000",
    "force-orders simulator --markets usdm,coinm,margin --portfolio-margin-from always",
    "force-orders simulator --kept newest --retention-days 30 --verbose",
)


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults beside the options, and keeps the line breaks of description and epilog."""


class _OptionParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raises one line instead of printing the usage, which is a page long here."""
        raise ValueError(message)


def option_parser() -> argparse.ArgumentParser:
    """The options; a wrong one raises ValueError."""
    parser = _OptionParser(
        prog="force-orders simulator",
        description="An exchange on 127.0.0.1:\nBinance's force orders of all markets under every reading of the docs.",
        epilog="\n  ".join(("Examples:", *EXAMPLES)),
        formatter_class=_Help,
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="port on 127.0.0.1; 0: a free one")
    add("--profile", choices=get_args(Shape), default="demo", help="the kind of random history")
    add("--orders", type=count, default=5000, help="bursty: approximate number of orders over all days")
    add("--days", type=count, default=100, help="how many days a random history reaches back")
    add("--origin", type=origin, default=0, metavar="T", help=ORIGIN_HELP)
    add("--history", type=Path, metavar="FILE", help="replay a .csv recording or a .json of exchange rows instead")
    add("--faults", type=Path, metavar="FILE", help="a JSON array of faults")
    add("--accounts", type=count, default=1, help="how many accounts: main, account2, …")
    add("--markets", type=wallets, metavar="M,…", help=MARKETS_HELP)
    add("--sub-account", type=wallets, metavar="M,…", help="one more account, sub, with these markets")
    add("--portfolio-margin-from", type=always_or_instant, metavar="T", help=PORTFOLIO_MARGIN_HELP)
    add("--permissions", type=permissions, default="enableReading", metavar="P,…", help="what the keys may do")
    add("--key-created", type=instant, metavar="T", help=KEY_CREATED_HELP)
    add("--api-key", metavar="KEY", help="key of the account main, else BINANCE_API_KEY, else a fake one")
    add("--api-secret", metavar="SECRET", help="its secret, else BINANCE_API_SECRET, else a fake one")
    add("--public-key", type=Path, metavar="FILE", help="PEM: main signs with RSA or Ed25519 instead of its secret")
    add("--verbose", action="store_true", help="one line for each exchange request on stderr")
    _add_switches(parser)
    return parser


def _add_switches(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("scenario", "what Binance does not document, and what a test needs")
    for switch in SWITCHES.values():
        option = f"--{switch.name.replace('_', '-')}"
        names = ["--clock-at", option] if switch.optional else [option]
        group.add_argument(*names, dest=switch.name, default=switch.default, help=switch.meaning, **_form_of(switch))


def _form_of(switch: Switch) -> Mapping[str, Any]:
    if switch.choices:
        return {"choices": switch.choices}
    if switch.kind is bool:
        return {"action": argparse.BooleanOptionalAction}
    if switch.kind is str:
        return {"metavar": "S,…"}
    return {"type": instant, "metavar": "T"} if switch.optional else {"type": switch.kind, "metavar": "N"}


def count(text: str) -> int:
    """A whole number from 1; argparse names this function when it raises ValueError."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def wallets(text: str) -> tuple[str, ...]:
    """Names of markets, with commas between them."""
    return _some_of(WALLETS, text)


def permissions(text: str) -> tuple[str, ...]:
    """Names of permissions as apiRestrictions has them, with commas between them."""
    return _some_of(PERMISSIONS, text)


def _some_of(known: Sequence[str], text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not {*names} <= {*known}:
        raise ValueError(text)
    return names


def always_or_instant(text: str) -> int:
    """An instant as milliseconds; `always` is the first of all."""
    return 0 if text == "always" else instant(text)


def origin(text: str) -> int | None:
    """An instant as milliseconds; `start` (None) is where the simulator's clock starts."""
    return None if text == "start" else instant(text)


def instant(text: str) -> int:
    """Epoch milliseconds or ISO 8601 (UTC unless it says otherwise), as milliseconds."""
    if text.isdigit():
        return int(text)
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
