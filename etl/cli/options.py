"""Options that several commands share, and the settings that a command reads first."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from etl.settings.model import Settings


def _not_empty(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("give a reason", context, parameter)
    return value.strip()


# The markets' names are imported when one is typed: the root command, and so --help, imports this module.


def _known_markets(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        return value
    from etl.core.markets import NAMES

    return tuple(str(click.Choice(NAMES).convert(name, parameter, context)) for name in value)


def _complete_market(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    from etl.core.markets import NAMES

    return [name for name in NAMES if name.startswith(incomplete)]


since = click.option("--since", metavar="T", help="2026-09-01, 2026-09-01T12:00Z, 90d or epoch ms; all UTC.")
until = click.option("--until", metavar="T", help="Same formats, but a bare date includes its day. Default: now.")
symbols = click.option("--symbol", metavar="S", multiple=True, help="Repeatable. Default: all.")
accounts = click.option("--account", metavar="A", multiple=True, help="Repeatable. Default: all.")
markets = click.option(
    "--market",
    metavar="M",
    multiple=True,
    callback=_known_markets,
    shell_complete=_complete_market,
    help="Repeatable: usdm, coinm, pm-usdm, pm-coinm, pm-margin, margin. Default: those of the account.",
)
time_zone = click.option(
    "--tz", "zone", metavar="Z", help="Time zone of the days, such as Europe/Berlin. Default: the setting time_zone."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
why = click.option("--why", metavar="TEXT", required=True, callback=_not_empty, help="The reason, for the record.")
yes = click.option("--yes", is_flag=True, help="Do not ask.")


def examples(*lines: str) -> str:
    """The end of a command's help: example lines that keep their line breaks at every terminal width."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def load_settings(context: click.Context) -> "Settings":
    """The settings from --config, environment and defaults; raises ConfigError."""
    from etl.settings.loading import load  # only here: the root command imports this module for --help

    return load(context.obj)


def database_location(context: click.Context) -> tuple[str | None, Path]:
    """The URL of the configured server, if any, and the directory of the embedded one."""
    settings = load_settings(context)
    return settings.database_url.get_secret_value() if settings.database_url else None, settings.data_dir
