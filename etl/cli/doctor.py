"""`force-orders doctor`: whether everything is there that a night needs, and what to do where it is not."""

import json
import textwrap
from typing import TYPE_CHECKING

import click

from etl.cli.arguments import examples
from etl.cli.console import say, stop_signals
from etl.errors import ExitCode

if TYPE_CHECKING:
    from etl.commands.doctor_checks import CheckResult

WIDTH = 80


@click.command(epilog=examples("force-orders doctor", "force-orders doctor --json"))
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Check everything that the nightly job needs.

    Each check gets a line: fine, or what to do. Exit 1 where anything is not fine.

    Asks the exchange once with each key. Changes nothing and notifies nobody.
    """
    from etl.commands.doctor import examine
    from etl.commands.doctor_checks import Status, is_fine
    from etl.core.text import many

    found: list[CheckResult] = []
    with stop_signals() as stop:
        for one in examine(context.obj, stop):
            found.append(one)
            if not as_json:
                say(_lines(one))
    if as_json:
        say(json.dumps([vars(one) for one in found], indent=2))
    else:
        fine = sum(one.status is Status.OK for one in found)
        say(f"{many(len(found), 'check')}: {fine} fine, {len(found) - fine} not")
    context.exit(ExitCode.DONE if is_fine(found) else ExitCode.FAILED)


def _lines(found: "CheckResult") -> str:
    """The finding, and below it what to do."""
    lines = _wrapped(f"{found.status:8} {found.check}: {found.detail}", " " * 9)
    if found.remedy is not None:
        lines += _wrapped(f"{' ' * 9}→ {found.remedy}", " " * 11)
    return "\n".join(lines)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
