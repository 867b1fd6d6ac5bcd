"""Asks before something is done that cannot be undone."""

import sys

import click

from etl.cli.console import print_stderr
from etl.errors import ConfigError, ForceOrdersError


def confirm(consequence: str, *, yes: bool) -> None:
    """Say what will happen, and go on with `--yes` or with a typed yes; `consequence` begins a sentence.

    Raises ConfigError where there is no terminal to ask on, and ForceOrdersError after any other answer.
    """
    if not yes and not sys.stdin.isatty():
        raise ConfigError(f"{consequence}; to do it without a question, add --yes")
    print_stderr(consequence)
    if not yes and click.prompt("type yes to go on", default="", show_default=False, err=True).strip() != "yes":
        raise ForceOrdersError("nothing was changed")
