"""`force-orders config …`: the settings in use, and example and deployment files."""

import json
from pathlib import Path

import click

from etl.cli import options
from etl.cli.console import print_line, print_tables
from etl.cli.options import examples
from etl.commands.config_files import DEPLOYMENTS, deployment, example, joined, write_files
from etl.commands.config_show import show_settings
from etl.reporting.layout import Column
from etl.reporting.table import table
from etl.settings.loading import load_with_origins


@click.group(epilog=examples("force-orders config show", "force-orders config example"))
def config() -> None:
    """Show the settings; print example and deployment files."""


@config.command("show", epilog=examples("force-orders config show", "force-orders config show --json"))
@options.as_json
@click.pass_context
def config_show(context: click.Context, as_json: bool) -> None:
    """Print every setting, its value and its source; no secrets."""
    settings = show_settings(*load_with_origins(context.obj))
    if as_json:
        objects = [{"setting": one.setting, "value": one.value, "origin": one.origin} for one in settings]
        print_line(json.dumps(objects, indent=2))
        return
    columns = Column("setting"), Column("value", min_width=20, wraps=True), Column("from", min_width=12, wraps=True)
    rows = [
        (one.setting, ", ".join(one.value) if isinstance(one.value, list) else one.value, one.origin)
        for one in settings
    ]
    print_tables([table(None, columns, rows)])


@config.command("example", epilog=examples("force-orders config example"))
def config_example() -> None:
    """Print a settings file that names every setting with its default."""
    print_line(example().rstrip("\n"))


@config.command(
    "deploy", epilog=examples("force-orders config deploy cron", "force-orders config deploy systemd --out units")
)
@click.argument("kind", type=click.Choice(list(DEPLOYMENTS)))
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Write the files into DIR.")
@click.option("--force", is_flag=True, help="Replace existing files.")
def config_deploy(kind: str, out: Path | None, force: bool) -> None:
    """Print or write the files for a scheduler, monitoring or dbt."""
    files = deployment(kind)
    if out is None:
        print_line(joined(files).rstrip("\n"))
        return
    for path in write_files(files, out, force=force):
        print_line(f"wrote {path}")
