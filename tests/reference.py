"""The reference pages, made from the code: `python -m tests.reference` renews what stands between their markers."""

import argparse
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

import click

from etl.cli.root import cli
from etl.settings.loading import PREFIX
from etl.settings.model import Settings
from etl.simulator.command import option_parser
from tests.environment import ROOT
from tests.pages import text_of
from tests.table_pictures import tables_reference

BEGIN, END = "<!-- begin: made by python -m tests.reference -->", "<!-- end -->"

NOT_POSSIBLE = 10**17
"""A value that no setting accepts: what a check says of it is what the setting accepts."""


def settings_reference() -> str:
    """Each setting: what config/force-orders.toml says of it, its variable, its default and what it accepts."""
    return "\n".join(_setting(name, words, shown) for name, words, shown in _explained())


def commands_reference() -> str:
    """Each command: its usage, what it does, its options."""
    context = click.Context(cli, info_name="force-orders", terminal_width=10_000)
    return "\n".join(_commands(context))


def simulator_reference() -> str:
    """The simulator's options, which are no click options."""
    actions = [one for one in option_parser()._actions if one.option_strings != ["-h", "--help"]]
    return _table([(f"`{_usage(action)}`", _meaning(action)) for action in actions])


REFERENCES: Mapping[str, tuple[Callable[[], str], ...]] = {
    "docs/configuration.md": (settings_reference,),
    "docs/cli.md": (commands_reference, simulator_reference),
    "docs/tables.md": (tables_reference,),
}
"""What stands between the markers of a page, in their order."""


def renewed(page: str) -> str:
    """The page with what the code says now between its markers."""
    made = iter(REFERENCES[page])
    return re.sub(
        f"({re.escape(BEGIN)}\n).*?({re.escape(END)})",
        lambda marked: f"{marked[1]}\n{next(made)()}\n{marked[2]}",
        text_of(page),
        flags=re.DOTALL,
    )


def _explained() -> Iterator[tuple[str, str, str]]:
    """(name, explanation, value shown) of each setting of the example file."""
    example = text_of("config/force-orders.toml").partition("\n#[accounts.")[0]
    for paragraph in example.split("\n\n"):
        lines = paragraph.splitlines()
        words = " ".join(line[2:] for line in lines if line.startswith("# ") and not line.startswith("# Variable"))
        for line in lines:
            if found := re.fullmatch(r"#(\w+) = (.+)", line):
                yield found[1], words, found[2]


def _setting(name: str, words: str, shown: str) -> str:
    (field,) = (one for one in fields(Settings) if one.name == name)
    accepts = _refusal(Settings.__annotations__[name].__metadata__[0])
    has_none = field.default is None and field.default_factory is MISSING
    default = f"no default; for example `{shown}`" if has_none else f"default `{shown}`"
    return f"### `{name}`\n\n{words}\n\n`{PREFIX}{name.upper()}` · {default} · {accepts}\n"


def _refusal(check: Callable[[Any], Any]) -> str:
    try:
        check(NOT_POSSIBLE)
    except ValueError as error:
        return str(error)
    raise AssertionError("the check accepts everything")


def _commands(context: click.Context) -> Iterator[str]:
    group = context.command
    assert isinstance(group, click.Group)
    yield from _command(context)
    for name in group.list_commands(context):
        _, command, _ = group.resolve_command(context, [name])
        assert command is not None
        below = click.Context(command, info_name=name, parent=context, terminal_width=10_000)
        yield from _commands(below) if isinstance(command, click.Group) else _command(below)


def _command(context: click.Context) -> Iterator[str]:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"### `{context.command_path}`\n\n```text\n{usage}\n```\n\n{_help(command)}\n"
    records = [record for one in command.get_params(context) if (record := one.get_help_record(context))]
    if rows := [(f"`{names}`", words) for names, words in records if names.startswith("-") and "--help" not in names]:
        yield f"{_table(rows)}\n"


def _help(command: click.Command) -> str:
    return "\n\n".join(_one_line(paragraph) for paragraph in (command.help or "").split("\n\n"))


def _usage(action: argparse.Action) -> str:
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    names = ", ".join(action.option_strings)
    return names if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction) else f"{names} {value}"


def _meaning(action: argparse.Action) -> str:
    default = "" if action.default in (None, False) else f" [default: {action.default}]"
    return f"{_one_line(action.help or '')}{default}"


def _table(rows: list[tuple[str, str]]) -> str:
    escaped = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    return "\n".join(["| option | meaning |", "|---|---|", *(f"| {row} |" for row in escaped)])


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    for name in REFERENCES:
        (ROOT / name).write_text(renewed(name), encoding="utf-8")
