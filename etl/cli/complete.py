"""`force-orders complete`: whether a period is complete, in one line."""

import click

from etl.accounts.key_sources import account_names
from etl.cli import options
from etl.cli.console import keep_exit_code, print_line, show_waits
from etl.cli.options import examples, load_settings
from etl.core.completeness import judge, parse_period
from etl.core.text import printable
from etl.errors import ConfigError, ExitCode
from etl.reporting.completeness import known_accounts, read_days
from etl.runs import from_settings


@click.command(
    epilog=examples(
        "force-orders complete 2026-09",
        "force-orders complete 2026 --account main --tz Europe/Berlin",
        "force-orders complete 2026-09-01..2026-09-30 --market usdm",
    )
)
@click.argument("period")
@options.accounts
@options.markets
@options.time_zone
@click.pass_context
def complete(
    context: click.Context, period: str, account: tuple[str, ...], market: tuple[str, ...], zone: str | None
) -> None:
    """Say in one line whether a period is complete.

    If it is not, the line says why, and the exit code is 3. A period is a year, a month, a day, or two of them with ..
    between. It is complete if each of its days is proven for each account, in every market that the account has. A
    market that is not read, a day that was never asked for and a row that could not be read are never complete.
    """
    settings = load_settings(context)
    zone = zone or settings.time_zone
    try:
        asked = parse_period(period)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    with show_waits(), from_settings.store(settings, only_reads=True) as connection:
        known = sorted({*known_accounts(connection), *account_names(settings)})
        for name in account:
            if name not in known:
                raise ConfigError(f"there is no account {name!r}, neither in the database nor in the settings")
        chosen = sorted({*account}) or known
        days = read_days(connection, asked.first, asked.last, zone, account, market)
    verdict = judge(days, asked, zone, chosen, market)
    with keep_exit_code():
        print_line(printable(verdict.line))
    context.exit(ExitCode.DONE if verdict.is_complete else ExitCode.INCOMPLETE)
