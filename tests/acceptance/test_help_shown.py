"""What a newcomer sees first, on a terminal of 80 columns."""

import pytest

from tests.command import Command


def test_the_summaries_of_the_commands_are_whole(command: Command) -> None:
    shown = command("--help", COLUMNS="80").stdout
    summaries = shown.partition("\nCommands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(summaries) > 10
    assert [line for line in summaries if line.endswith("...")] == []
    assert max(map(len, shown.splitlines())) <= 80
    assert "Times are UTC." in shown


@pytest.mark.parametrize(
    ("words", "example"),
    [
        ("backfill", "force-orders backfill --since 2026-10-01 --until 2026-10-31 --symbol BTCUSDT"),
        ("export", "force-orders export --since 2026-10-01 --until 2026-10-31 --symbol BTCUSDT --out october.parquet"),
        ("simulator", "force-orders simulator --accounts 2 --profile bursty --orders 20000"),
    ],
)
def test_an_example_is_one_line_however_narrow_the_terminal_is(command: Command, words: str, example: str) -> None:
    assert f"\n  {'' if words == 'simulator' else '  '}{example}\n" in command(words, "--help", COLUMNS="40").stdout
