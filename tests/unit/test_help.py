"""The help of every command: examples that the parser takes, and summaries that a narrow terminal shows whole."""

import shlex
from collections.abc import Iterator

import click
import pytest

from etl.cli.root import cli
from etl.simulator.command import EXAMPLES, option_parser

NARROW = 80


def below(context: click.Context, name: str) -> click.Context:
    """The context of a subcommand, imported if it is lazy."""
    assert isinstance(context.command, click.Group)
    _, command, _ = context.command.resolve_command(context, [name])
    assert command is not None
    return click.Context(command, parent=context, info_name=name)


def every(context: click.Context, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            yield from every(below(context, name), (*path, name))


OWN_PARSER = {("simulator",)}
PATHS = sorted(set(every(click.Context(cli))) - OWN_PARSER)


def contexts(words: list[str]) -> list[click.Context]:
    """Those of the commands that these words name, outermost first; raises UsageError as the command would."""
    found = [cli.make_context("force-orders", words)]
    while isinstance(found[-1].command, click.Group) and (rest := [*found[-1]._protected_args, *found[-1].args]):
        name, command, rest = found[-1].command.resolve_command(found[-1], rest)
        assert command is not None
        found.append(command.make_context(name, rest, parent=found[-1]))
    return found


def help_of(path: tuple[str, ...]) -> str:
    context = click.Context(cli, info_name="force-orders", terminal_width=NARROW, max_content_width=NARROW)
    for name in path:
        context = below(context, name)
    return context.get_help()


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_command_has_one_to_three_examples_of_itself_that_the_parser_takes(path: tuple[str, ...]) -> None:
    _, found, examples = help_of(path).partition("\n  Examples:\n")
    lines = [line.strip() for line in examples.splitlines()]
    assert found
    assert 1 <= len(lines) <= 3
    for line in lines:
        program, *words = shlex.split(line)
        names = [context.info_name for context in contexts(words)]
        assert (program, *names) == ("force-orders", "force-orders", *names[1:])
        assert tuple(names[1 : len(path) + 1]) == path


@pytest.mark.parametrize("line", EXAMPLES)
def test_the_simulator_takes_its_own_examples(line: str) -> None:
    assert f"\n  {line}\n" in option_parser().format_help()
    option_parser().parse_args(shlex.split(line)[2:])


@pytest.mark.parametrize("path", [path for path in PATHS if "\nCommands:\n" in help_of(path)], ids=" ".join)
def test_no_summary_is_cut_off_on_a_narrow_terminal(path: tuple[str, ...]) -> None:
    commands = help_of(path).partition("\nCommands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(commands) >= 1
    for line in commands:
        assert line.endswith("."), line
        assert not line.endswith("..."), line


@pytest.mark.parametrize("name", cli.commands)
def test_a_list_of_commands_shows_the_first_sentence_of_each_command_s_own_help(name: str) -> None:
    assert cli.commands[name].get_short_help_str() == below(click.Context(cli), name).command.get_short_help_str()


@pytest.mark.parametrize("name", ["backfill", "verify", "report", "export"])
def test_a_span_s_help_says_utc_and_that_a_date_as_an_end_includes_its_day(name: str) -> None:
    said = " ".join(help_of((name,)).split())
    assert "all UTC" in said
    assert "a bare date includes its day" in said
