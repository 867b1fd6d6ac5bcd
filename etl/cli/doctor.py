"""`force-orders doctor`: check everything that the nightly job needs, and say how to repair it."""

import json
import textwrap
from collections.abc import Iterator

import click

from etl.cli import options
from etl.cli.console import print_line, show_waits, stop_signals
from etl.cli.options import examples
from etl.commands.doctor import examine
from etl.commands.doctor_checks import CheckResult, Status, is_fine
from etl.core.text import many
from etl.errors import ExitCode

WIDTH = 80


@click.command(epilog=examples("force-orders doctor", "force-orders doctor --json"))
@options.as_json
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Check everything that the nightly job needs.

    Prints one line for each check: fine, or what to do. Exit code 1 if anything is not fine.

    Sends one request with each key. Changes nothing and notifies nobody.
    """
    findings: list[CheckResult] = []
    with stop_signals() as stop:
        checks = examine(context.obj, stop)
        while (finding := _next(checks)) is not None:
            findings.append(finding)
            if not as_json:
                print_line(_text(finding))
    if as_json:
        print_line(json.dumps([vars(one) for one in findings], indent=2))
    else:
        fine = sum(one.status is Status.OK for one in findings)
        print_line(f"{many(len(findings), 'check')}: {fine} fine, {len(findings) - fine} not")
    context.exit(ExitCode.DONE if is_fine(findings) else ExitCode.FAILED)


def _next(checks: Iterator[CheckResult]) -> CheckResult | None:
    with show_waits():
        return next(checks, None)


def _text(finding: CheckResult) -> str:
    """The finding, and below it what to do."""
    lines = _wrapped(f"{finding.status:8} {finding.check}: {finding.detail}", " " * 9)
    if finding.remedy is not None:
        lines += _wrapped(f"{' ' * 9}→ {finding.remedy}", " " * 11)
    return "\n".join(lines)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
