"""A click group that imports a command's module only when the command runs or shows its own help."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from etl.cli.garbage import keep_imports


class LazyGroup(click.Group):
    """Takes its commands as {name: summary}; the command `x` is the attribute `x` of the module `etl.cli.x`.

    Lists of commands, in help and in shell completion, show the summaries and import nothing.
    """

    def __init__(self, *arguments: Any, summaries: Mapping[str, str], **options: Any) -> None:
        super().__init__(*arguments, **options)
        for name, summary in summaries.items():
            self.add_command(click.Command(name, help=summary))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        command = command and getattr(import_module(f"etl.cli.{name}"), str(name))
        keep_imports()
        return name, command, rest
