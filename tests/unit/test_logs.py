"""What is logged, and what never is."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime

import pytest

from etl import logs
from etl.logs import Format, Level

NAMES = (None, "etl", "urllib3")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leaves logging as it was: it belongs to the whole process."""
    before = [(logging.getLogger(name), logging.getLogger(name).level) for name in NAMES]
    handlers = list(logging.getLogger().handlers)
    yield
    logging.getLogger().handlers[:] = handlers
    for one, level in before:
        one.setLevel(level)


def said(capsys: pytest.CaptureFixture[str], level: Level, form: Format) -> list[str]:
    """The lines on stderr after one message of each level of ours and one of the HTTP library's."""
    logs.configure(level, form)
    log = logs.logger("etl.exchange")
    log.debug("fine")
    log.info("of %s", "interest")
    log.warning("odd “%s”", 'a "b"\nc')
    log.error("bad")
    for name in ("urllib3", "urllib3.connectionpool"):
        logging.getLogger(name).debug('"GET /fapi/v1/forceOrders?signature=abc HTTP/1.1" 200')
        logging.getLogger(name).warning("Retrying after signature=abc")
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_a_level_shows_itself_and_what_is_worse(level: Level, count: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(said(capsys, level, "json")) == count


def test_json_logs_are_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.loads(line) for line in said(capsys, "debug", "json")]
    assert [line["level"] for line in lines] == ["debug", "info", "warning", "error"]
    assert [line["message"] for line in lines] == ["fine", "of interest", 'odd “a "b"\nc”', "bad"]
    assert {line["logger"] for line in lines} == {"etl.exchange"}
    assert all(datetime.fromisoformat(line["time"]).utcoffset() is not None for line in lines)
    assert all(line["time"].endswith("Z") for line in lines)


def test_text_logs_begin_with_time_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    moment, level, message = said(capsys, "error", "text")[0].split(maxsplit=2)
    assert datetime.fromisoformat(moment).utcoffset() is not None
    assert (level, message) == ("error", "bad")


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_http_library_never_spells_out_a_url(form: Format, capsys: pytest.CaptureFixture[str]) -> None:
    assert "signature" not in "".join(said(capsys, "debug", form))


def test_configuring_again_replaces_what_was_there(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("debug", "text")
    assert len(said(capsys, "error", "text")) == 1


STEERING = "\x1b[2J\x9b2J\u202e\x07\x7f\ud800"


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_the_exchange_sends_never_steers_the_terminal_of_a_log(
    form: Format, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("warning", form)
    logs.logger("etl.exchange").warning("symbol %s\nforged", STEERING)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()
    assert "forged" in line


def test_a_program_reads_out_of_json_logs_what_was_sent(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "json")
    logs.logger("etl.exchange").warning("币 %s", STEERING)
    line = capsys.readouterr().err
    assert line.isascii()
    assert json.loads(line)["message"] == f"币 {STEERING}"
