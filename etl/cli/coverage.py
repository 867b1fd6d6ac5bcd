"""`force-orders coverage …`: what is proven."""

from collections.abc import Sequence

import click

from etl.cli import options
from etl.cli.confirmation import confirm
from etl.cli.console import keep_exit_code, print_line, show_waits
from etl.cli.options import examples, load_settings
from etl.commands.accept_order import Accepted, accept_order
from etl.commands.reset_coverage import parse_reach, reset_coverage, taken_by
from etl.core.markets import USDM
from etl.core.planning import Rules
from etl.core.timeline import Window, clip, duration, iso
from etl.core.wallets import Wallet
from etl.exchange.clock import local_now
from etl.monitoring.gaps import command
from etl.runs import from_settings
from etl.store.coverage_reset import Reach

RESET = "force-orders coverage reset --account main"
ACCEPT = "force-orders coverage accept --account main"

_ORDER_ID = click.IntRange(max=(1 << 63) - 1)


@click.group(epilog=examples(f"{RESET} --since 2026-09-01 --until 2026-09-07 --why 'a wrong proxy'"))
def coverage() -> None:
    """Take back what is proven, or accept what an order leaves open."""


@coverage.command(
    "reset",
    epilog=examples(
        f"{RESET} --why 'read with a key of another account' --yes",
        f"{RESET} --since 2026-09-01 --until 2026-09-07 --why 'a wrong proxy'",
    ),
)
@click.option("--account", metavar="A", required=True, help="The account.")
@options.markets
@click.option("--symbol", metavar="S", help="This symbol, and what was read without symbol. Default: all.")
@click.option("--since", metavar="T", help="2026-09-01, 2026-09-01T12:00Z, 90d or epoch ms; all UTC. Default: all.")
@click.option("--until", metavar="T", help="Same formats, but a bare date includes its day. Default: all.")
@options.why
@options.yes
@click.pass_context
def coverage_reset(
    context: click.Context,
    account: str,
    market: tuple[str, ...],
    symbol: str | None,
    since: str | None,
    until: str | None,
    why: str,
    yes: bool,
) -> None:
    """Take back what is proven of a span, to read it again.

    No order is deleted. What the exchange no longer keeps can never be proven again, so the command asks before it
    takes that back, and keeps it as a gap. The next run reads the rest again.
    """
    settings = load_settings(context)
    rules = from_settings.rules(settings, local_now())
    reaches = [parse_reach(account, one, symbol, since, until, rules.now) for one in market or (None,)]
    with show_waits(), from_settings.store(settings) as connection:
        lost = sum(taken_by(connection, reach, rules).lost for reach in reaches)
    if lost:
        confirm(
            f"{duration(lost)} of what is taken back lie before {iso(rules.floor)}: the exchange no longer keeps "
            "that time, and it can never be proven again",
            yes=yes,
        )
    with show_waits(), from_settings.store(settings) as connection:
        proven = [(reach, reset_coverage(connection, reach, rules, why)) for reach in reaches]
    with keep_exit_code():
        for reach, taken in proven:
            _print_taken(reach, taken, rules)


def _print_taken(reach: Reach, taken: Sequence[Window], rules: Rules) -> None:
    """What was taken back of one market, or of all, and how to read it again."""
    wallet = Wallet(reach.account, reach.market or USDM)
    if not taken:
        print_line(f"nothing of that span was proven for account {wallet}")
        return
    span = f"from {iso(taken[0].start)} to {iso(taken[-1].end)}"
    print_line(f"took back {duration(sum(window.width for window in taken))} of account {wallet}, {span}")
    if readable := clip(taken, Window(rules.floor, rules.now)):
        symbols = [] if reach.symbol is None else [reach.symbol]
        print_line(f"to read it again: {command(*wallet, symbols, readable, rules.floor)}")


@coverage.command(
    "accept", epilog=examples(f"{ACCEPT} --symbol BTCUSDT --order 8886774 --why 'purged by the exchange'")
)
@click.option("--account", metavar="A", required=True, help="The account.")
@click.option("--symbol", metavar="S", required=True, help="The symbol of the order.")
@click.option(
    "--order", "order_id", metavar="ID", required=True, type=_ORDER_ID, help="The exchange's id of the order."
)
@options.why
@click.pass_context
def coverage_accept(context: click.Context, account: str, symbol: str, order_id: int, why: str) -> None:
    """Accept that an order vanished or is disputed.

    No order is stored or removed. Until it is accepted, an answer that leaves a stored order out proves nothing, and an
    order on which the exchange's own lists disagree makes its day disputed.
    """
    with show_waits(), from_settings.store(load_settings(context)) as connection:
        accepted, is_new = accept_order(connection, account, symbol, order_id, why)
    with keep_exit_code():
        if accepted is Accepted.DISPUTED:
            print_line(f"order {order_id} of account {account} is {'no longer' if is_new else 'not'} disputed")
            return
        said = "need not show" if is_new else "need not show, as accepted before,"
        print_line(f"the exchange {said} order {order_id} of account {account}; the order stays stored")
