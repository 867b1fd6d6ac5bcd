"""The line for crontab, as cron and then a shell understand it."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.commands.crontab import NIGHTLY, crontab_line
from etl.errors import ConfigError

printable = st.text(st.characters(exclude_categories=("C", "Zl", "Zp", "Zs")) | st.just(" "), min_size=1)


@given(st.lists(printable, min_size=1))
def test_cron_and_the_shell_get_back_the_very_words(words: list[str]) -> None:
    line = crontab_line(words)
    command = line.removeprefix(f"{NIGHTLY} ")
    assert "%" not in command.replace(r"\%", "")
    assert shlex.split(command.replace(r"\%", "%")) == words


def test_a_path_with_a_percent_sign_and_a_blank_is_escaped_for_both() -> None:
    line = crontab_line(["/opt/bin/force-orders", "--config", "/home/a b/50%.toml", "sync"])
    assert line == r"15 2 * * * /opt/bin/force-orders --config '/home/a b/50\%.toml' sync"


def test_a_line_break_is_refused() -> None:
    with pytest.raises(ConfigError):
        crontab_line(["/home/a\nb", "sync"])
