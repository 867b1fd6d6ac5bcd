"""`force-orders db check`: whether the database still holds what was stored."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click

from etl.cli import options
from etl.cli.console import print_line, show_progress
from etl.cli.options import examples, load_settings
from etl.commands.check_database import Check, DatabaseCheck, check_database
from etl.core.text import printable
from etl.errors import ConfigError, ExitCode, StoreError
from etl.exchange.clock import local_now
from etl.monitoring.check_metrics import check_metrics
from etl.reporting.files import atomic_write
from etl.runs import from_settings


@click.command(
    "check",
    epilog=examples(
        "force-orders db check --account main",
        "force-orders db check --json",
        "force-orders db check --textfile /var/lib/node_exporter/force_orders_check.prom",
    ),
)
@options.accounts
@click.option("--seal", "noted", metavar="HEX", multiple=True, help="A seal noted earlier must still be there.")
@options.as_json
@click.option(
    "--textfile",
    metavar="FILE",
    type=click.Path(),
    help="Write metrics of the result to FILE (*.prom), for node_exporter's textfile collector.",
)
@click.pass_context
def db_check(
    context: click.Context, account: tuple[str, ...], noted: tuple[str, ...], as_json: bool, textfile: str | None
) -> None:
    """Check that the database still holds what was stored.

    Compares every order with its row as received, and every sealed day with its seal. Exit code 1 if they differ.

    Asks no exchange and changes nothing. 'status' shows the newest seal; --seal takes 12 to 64 of its digits.
    """
    noted = tuple(digits.strip().lower() for digits in noted)
    for digits in noted:
        if not re.fullmatch(r"[0-9a-f]{12,64}", digits):
            raise ConfigError(f"{digits!r} is not a seal; write 12 to 64 hexadecimal digits, as 'status' shows them")
    settings = load_settings(context)
    if not from_settings.has_database(settings):
        raise StoreError("there is no database yet; 'force-orders backfill' makes one")
    with show_progress() as watch, from_settings.store(settings) as connection:
        found = check_database(connection, account, noted, watch)
    if textfile is not None:
        with atomic_write(Path(textfile)) as file:
            file.write(check_metrics(local_now(), ((check.sentence, check.wrong) for check in found.checks)))
    if as_json:
        print_line(json.dumps(_as_json(found), indent=2))
    else:
        for line in check_lines(found):
            print_line(line)
    context.exit(found.exit_code)


def check_lines(found: DatabaseCheck) -> Iterator[str]:
    """The checks, the newest seals and the result, as text."""
    for check in found.checks:
        yield printable(_line(check))
    for one in found.newest:
        yield f"newest seal of {one.seal.account}, {one.seal.market}: {one.digest} ({one.seal.day})"
    failed = sum(check.wrong > 0 for check in found.checks)
    yield f"{len(found.checks)} checks, {failed} failed" if failed else f"{len(found.checks)} checks, all fine"
    if failed:
        yield "what to do: docs/operations.md, 'Can the database be trusted?'"


def _line(check: Check) -> str:
    if not check.wrong:
        return f"ok      {check.sentence}{f' ({check.checked})' if check.checked else ''}"
    checked = f" of {check.checked}" if check.checked else ""
    return f"failed  not true that {check.sentence}: {check.wrong}{checked}; first: {check.first}"


def _as_json(found: DatabaseCheck) -> dict[str, object]:
    return {
        "ok": found.exit_code is ExitCode.DONE,
        "checks": [{"ok": not check.wrong} | vars(check) for check in found.checks],
        "seals": [one.as_json() for one in found.newest],
    }
