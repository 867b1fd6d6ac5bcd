"""`force-orders config …`: the settings in use, and the files that come with the program."""

import json
from pathlib import Path

import click

from etl.cli.arguments import examples
from etl.cli.console import print_tables, say

KINDS = ("cron", "systemd", "kubernetes", "airflow", "dagster", "alerts")


@click.group("config", epilog=examples("force-orders config show", "force-orders config example"))
def config() -> None:
    """The settings in use, an example file, and deployment files."""


@config.command("show", epilog=examples("force-orders config show", "force-orders config show --json"))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def config_show(context: click.Context, as_json: bool) -> None:
    """Print every setting, its value and its source; no secrets."""
    from etl.commands.config_show import show_settings
    from etl.settings.loading import load_with_origins

    shown = show_settings(*load_with_origins(context.obj))
    if as_json:
        say(json.dumps([{"setting": one.setting, "value": one.value, "origin": one.origin} for one in shown], indent=2))
        return
    from etl.reporting.fitting import Column
    from etl.reporting.terminal import table

    columns = Column("setting"), Column("value", least=20, wraps=True), Column("from", least=12, wraps=True)
    rows = [
        (one.setting, ", ".join(one.value) if isinstance(one.value, list) else one.value, one.origin) for one in shown
    ]
    print_tables([table(None, columns, rows)])


@config.command("example", epilog=examples("force-orders config example"))
def config_example() -> None:
    """Print a settings file that names every setting with its default."""
    from etl.commands.config_files import example

    say(example().rstrip("\n"))


@config.command(
    "deploy", epilog=examples("force-orders config deploy cron", "force-orders config deploy systemd --out units")
)
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Write the files there.")
@click.option("--force", is_flag=True, help="Replace files that are there already.")
def config_deploy(kind: str, out: Path | None, force: bool) -> None:
    """Print the files for a scheduler or monitor, or write them."""
    from etl.commands.config_files import deployment, joined, write_files

    files = deployment(kind)
    if out is None:
        say(joined(files).rstrip("\n"))
        return
    for path in write_files(files, out, force=force):
        say(f"wrote {path}")
