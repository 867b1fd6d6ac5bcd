"""The documentation names nothing that is not there: links, commands, settings, files, exit codes."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import fields
from itertools import takewhile
from pathlib import Path

import click
import pytest

from etl.cli.root import cli
from etl.core.markets import MARKETS
from etl.core.markets.market import Market
from etl.core.probing.findings import Found, Question
from etl.errors import ExitCode
from etl.settings.loading import PREFIX, load
from etl.settings.model import AccountKeys, Settings
from tests.environment import ROOT
from tests.pages import PAGES, Block, anchors, blocks, links, prose_of, section, text_of
from tests.reference import REFERENCES, renewed

LANGUAGES = {"console", "sql", "toml", "python", "crontab", "text", "mermaid"}
OTHER_VARIABLES = {
    PREFIX + name for name in ("CONFIG", "COMMAND", "IMAGE", "SECRETS", "USER", "COMPLETE", "TEST_DATABASE_URL")
}
KEY_VARIABLES = {"BINANCE_API_KEY", "BINANCE_API_SECRET", "BINANCE_API_PRIVATE_KEY"}
A_COMMAND = re.compile(r"(?<![\w./-])(?:[\w./-]*/)?force-orders\s+((?:\"[^\"]*\"|'[^']*'|[^\n\"'])*)")
ENDS = {"|", ";", "&&", "||", ">", ">>", "#", "2>&1", "&"}


def commands_in(text: str) -> Iterator[list[str]]:
    """The arguments of each `force-orders`, with those inside of $(…)."""
    for inner in re.findall(r"\$\(force-orders ([^()]*)\)", text):
        yield shlex.split(inner)
    for line in re.sub(r"\"?\$\([^()]*\)\"?", "x", text).replace("\\\n", " ").splitlines():
        for found in A_COMMAND.finditer(line):
            words = shlex.split(found[1].replace(";", " ; "))
            yield list(takewhile(lambda word: word not in ENDS, words))


def parse(words: list[str]) -> None:
    """Read the words as the command does, and do nothing; raises click.UsageError."""
    with suppress(click.exceptions.Exit):  # --help and --version end here
        context = cli.make_context("force-orders", list(words))
        while isinstance(context.command, click.Group):
            _, command, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
            assert command is not None
            context = command.make_context(command.name, rest, parent=context)


@pytest.mark.parametrize("block", blocks("console", "crontab"), ids=str)
def test_every_command_in_a_block_exists_with_its_options(block: Block) -> None:
    lines = [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]
    for words in commands_in("\n".join(lines) if block.language == "console" else block.text):
        parse(words)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_in_a_sentence_exists_with_its_options(page: str) -> None:
    for code in re.findall(r"`(force-orders [^`\n]+)`", prose_of(page)):
        for words in commands_in(re.sub(r"…|\b[A-Z]+\b", "1", code)):
            with suppress(click.MissingParameter, click.exceptions.NoArgsIsHelpError):  # a command by its name alone
                parse(words)


def test_a_command_that_does_not_exist_is_found() -> None:
    (words,) = commands_in("$ force-orders backfil --plan  # a misspelt command")
    with pytest.raises(click.UsageError):
        parse(words)
    (words,) = commands_in("X=1 /opt/bin/force-orders --config a.toml sync --plan | mail")
    with pytest.raises(click.NoSuchOption):
        parse(words)


def test_every_block_names_a_language_that_a_test_reads() -> None:
    assert {block.language for block in blocks()} <= LANGUAGES
    assert {block.language for block in blocks()} >= LANGUAGES - {"crontab", "text"}


def test_the_readme_can_be_read_in_one_go() -> None:
    assert len(text_of("README.md").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for link in links(page):
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(str(target.resolve().relative_to(ROOT))), link


def test_the_readme_leads_to_every_page() -> None:
    assert {page for page in PAGES if page != "README.md"} <= {link.partition("#")[0] for link in links("README.md")}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_is_there(page: str) -> None:
    named = re.findall(r"`((?:etl|tests|config|docs|migrations|benchmarks)/[\w./-]+)`", prose_of(page))
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_target_of_make_that_is_named_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", text_of(page))) <= targets


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_that_is_named_is_read(page: str) -> None:
    keys = KEY_VARIABLES | {f"{name}_FILE" for name in KEY_VARIABLES}
    known = {PREFIX + one.name.upper() for one in fields(Settings)} | OTHER_VARIABLES | keys
    named = set(re.findall(r"(?<![\w])(?:BINANCE_API|FORCE_ORDERS)_[A-Z_]*[A-Z]", text_of(page)))
    assert named <= known


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_every_settings_file_loads(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (PREFIX + one.name.upper() for one in fields(Settings)):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "force-orders.toml"
    file.write_text(block.text.replace("/etc/force-orders/accounts", str(tmp_path / "accounts")), encoding="utf-8")
    (tmp_path / "accounts").mkdir()
    load(file)


def test_the_page_on_settings_shows_every_way_to_name_a_key() -> None:
    shown = [
        tomllib.loads(block.text).get("accounts", {}) for block in blocks("toml", pages=("docs/configuration.md",))
    ]
    assert {way for file in shown for account in file.values() for way in account} == {
        one.name for one in fields(AccountKeys)
    }


@pytest.mark.parametrize("page", REFERENCES)
def test_a_reference_page_says_what_the_code_says(page: str) -> None:
    assert text_of(page) == renewed(page), "python -m tests.reference renews it"


def test_every_exit_code_is_explained() -> None:
    explained = re.findall(r"^\| (\d+) \|", section("docs/cli.md", "Exit codes"), re.MULTILINE)
    assert [int(code) for code in explained] == [int(code) for code in ExitCode]


def test_every_metric_is_explained() -> None:
    explained = set(re.findall(r"^\| `force_orders_(\w+)`", section("docs/operations.md", "Metrics"), re.MULTILINE))
    code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "etl" / "monitoring").glob("*.py"))
    assert explained
    assert {name for name in explained if f'"{name}"' not in code and f'"force_orders_{name}"' not in code} == set()


def test_every_question_of_a_probe_is_explained_with_its_answers() -> None:
    rows = re.findall(r"^\| (`.*`) \|.*\| ([^|]*) \|$", section("docs/operations.md", "Probe"), re.MULTILINE)
    assert {name for names, _ in rows for name in re.findall(r"`(\w+)`", names)} == {*Question}
    shown = {answer.strip() for _, answers in rows for answer in answers.split(",")}
    assert shown == {*Found} - {Found.NOT_SETTLED, Found.NOT_APPLICABLE}
    settles = section("docs/guarantees.md", "Whichever way the exchange behaves")
    assert [question for question in Question if f"`{question}`" not in settles] == []


def test_nothing_is_installed_from_a_package_index() -> None:
    """The name is not ours there: whoever takes it would be installed in our place."""
    files = [*PAGES, "docker-compose.yml", *(f"config/{file.name}" for file in (ROOT / "config").glob("*.toml"))]
    files += [f"config/deploy/{file.name}" for file in (ROOT / "config" / "deploy").iterdir()]
    installs = [
        found for file in files for found in re.findall(r"pip install [^\n]*?(\S*force-orders-etl)", text_of(file))
    ]
    assert set(installs) == {"'./force-orders-etl"}


def test_the_picture_of_the_report_is_small() -> None:
    assert (ROOT / "docs" / "report.png").stat().st_size < 300_000


@pytest.mark.parametrize("market", MARKETS, ids=str)
def test_the_table_of_markets_says_what_the_program_does(market: Market) -> None:
    (row,) = [line for line in section("README.md", "Markets").splitlines() if line.startswith(f"| `{market}` |")]
    _, _, title, endpoint, cost, _ = (cell.strip() for cell in row.split("|"))
    assert (title, endpoint) == (market.title, f"`{market.path}`")
    weights = market.weights
    by_symbol = "" if weights.by_symbol == weights.of_all else f" (with a symbol {weights.by_symbol})"
    assert cost.startswith(f"{weights.of_all}{by_symbol}, of ")
    assert f"{market.api.pool.allowance:,}" in cost
