"""The command line: verbs in, exit codes out. The only place that prints."""

import json
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import Abort, Exit, TyperException

from etl import __version__
from etl.errors import ConfigError, ExitCode, ForceOrdersError

if TYPE_CHECKING:
    from etl.operations import Planner, Run, SpanText, Summary, Watcher
    from etl.settings import Credentials, Settings
    from etl.status import Status

cli = typer.Typer(
    name="force-orders",
    help="Keeps the history of a Binance futures account's force orders, and can prove that it is complete.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
database = typer.Typer(help="The database: schema and address.", no_args_is_help=True)
quarantine = typer.Typer(help="Rows that could not be read.", no_args_is_help=True)
cli.add_typer(database, name="db")
cli.add_typer(quarantine, name="quarantine")


DEMO_QUERY = "select symbol, close_type, count(*), sum(cum_quote) from force_orders group by 1, 2 order by 1, 2"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


Since = Annotated[str | None, typer.Option(metavar="T", help="2026-09-01, 2026-09-01T12:00Z, 90d or epoch ms; UTC.")]
Until = Annotated[str | None, typer.Option(metavar="T", help="Likewise; now by default.")]
Symbols = Annotated[list[str] | None, typer.Option("--symbol", metavar="S", help="May be repeated; all by default.")]
Accounts = Annotated[list[str] | None, typer.Option("--account", metavar="A", help="May be repeated; all by default.")]


@cli.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings file (TOML).")] = None,
    log_level: Annotated[LogLevel, typer.Option(case_sensitive=False)] = LogLevel.WARNING,
    log_format: Annotated[LogFormat, typer.Option(case_sensitive=False)] = LogFormat.TEXT,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    from etl import logs

    logs.configure(log_level.value, log_format.value)
    context.obj = config
    if version:
        say(f"force-orders {__version__}")
        raise Exit(0)


@cli.command()
def backfill(
    context: typer.Context,
    since: Since = None,
    until: Until = None,
    symbol: Symbols = None,
    account: Accounts = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print what it would cost, and do nothing.")] = False,
) -> None:
    """Walk history once; only what is not covered yet is asked for."""
    from etl.operations import SpanText, backfill_planner
    from etl.settings import credentials

    settings = _settings(context)
    symbols = _symbols(symbol or [])
    span = SpanText(since, until)
    _check(settings, span)
    keys = credentials(settings, tuple(account or ()))
    planner = backfill_planner(span, symbols)
    if plan:
        _print_plan(settings, keys, planner)
    else:
        raise Exit(_store(settings, "backfill", keys, planner, symbols).exit_code)


@cli.command()
def sync(context: typer.Context, account: Accounts = None) -> None:
    """The nightly job: from each watermark to now, and a look back for late changes."""
    from etl.operations import nightly_planner
    from etl.settings import credentials

    settings = _settings(context)
    keys = credentials(settings, tuple(account or ()))
    raise Exit(_store(settings, "sync", keys, nightly_planner).exit_code)


@cli.command()
def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    check: Annotated[bool, typer.Option("--check", help="For monitors: exit 3 where something is wrong.")] = False,
) -> None:
    """How complete the history is, by account and symbol."""
    from etl import app
    from etl.core.timeline import DAY
    from etl.exchange.clock import local_now
    from etl.status import read_status, warnings

    settings = _settings(context)
    with app.store(settings) as connection:
        found = read_status(connection, app.rules(settings, local_now()))
    warned = warnings(found, int(settings.warn_after_days * DAY))
    _print_status(found, as_json)
    for warning in warned:
        complain(warning)
    raise Exit(ExitCode.INCOMPLETE if check and warned else ExitCode.DONE)


def _print_status(found: "Status", as_json: bool) -> None:
    from etl.status import as_json as to_json

    if as_json:
        say(json.dumps(to_json(found), indent=2, ensure_ascii=False))
    else:
        from etl.reporting.terminal import status_tables

        _print_tables(status_tables(found))


@cli.command()
def verify(
    context: typer.Context,
    since: Since = None,
    until: Until = None,
    account: Accounts = None,
    sample: Annotated[int | None, typer.Option(metavar="N", min=1, help="Only N windows, drawn by lot.")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Store what is missing or different.")] = False,
) -> None:
    """Read history again and hold it against the database; by default all that is proven."""
    from etl.operations import SpanText
    from etl.reporting.terminal import difference_table, verified_lines
    from etl.settings import credentials
    from etl.verification import Comparing, Sample, verify_planner

    settings = _settings(context)
    span, drawn = SpanText(since, until), Sample(sample)
    _check(settings, span)
    with _running(settings, "verify", credentials(settings, tuple(account or ()))) as run:
        comparing = Comparing(run.connection, run.recorder, repair=repair)
        summary = run.execute(verify_planner(span, drawn), comparing)
    for line in verified_lines(summary, comparing.differences, drawn, repaired=repair):
        say(line)
    if comparing.differences:
        _print_tables([difference_table(comparing.differences)])
    _print_faults(summary)
    raise Exit(summary.exit_code)


@cli.command()
def demo(context: typer.Context) -> None:
    """The main job against the built-in exchange simulator and an embedded Postgres of its own; needs no key."""
    from etl.demo import prepare_demo

    with prepare_demo(_settings(context)) as prepared:
        say(f"exchange  the simulator on {prepared.settings.base_url}, 90 days of force orders")
        say(f"database  an embedded Postgres in {prepared.settings.data_dir}")
        summary = _store(prepared.settings, "demo", [prepared.credentials], prepared.planner)
        _print_demo(prepared.settings, summary)
    raise Exit(summary.exit_code)


@cli.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def simulator(context: typer.Context) -> None:
    """The exchange simulator as a server on a loopback port."""
    from etl.simulator.command import run

    raise Exit(run(context.args))


@quarantine.command("list")
def quarantine_list(context: typer.Context) -> None:
    """The rows, as received, and why they could not be read; exit 3 where there are any."""
    from etl import app
    from etl.reporting.terminal import table
    from etl.store.engine import store_errors
    from etl.store.quarantine import unresolved

    with app.store(_settings(context)) as connection, store_errors():
        rows = unresolved(connection)
    if not rows:
        say("the quarantine is empty")
        return
    cells = [(row.id, row.account, f"{row.seen_at:%Y-%m-%d %H:%M:%SZ}", row.reason, row.raw) for row in rows]
    _print_tables([table(None, ("id", "account", "seen", "reason", "row"), cells)])
    raise Exit(ExitCode.INCOMPLETE)


@quarantine.command("retry")
def quarantine_retry(context: typer.Context) -> None:
    """Read the rows again, as after an upgrade; exit 3 where some still cannot be read."""
    from etl import app
    from etl.requalification import retry

    with app.store(_settings(context)) as connection:
        read, left = retry(connection)
    say(f"{read} read and stored, {left} still in quarantine")
    raise Exit(ExitCode.INCOMPLETE if left else ExitCode.DONE)


@database.command("upgrade")
def db_upgrade(context: typer.Context) -> None:
    """Bring the database to the schema of this version."""
    from etl.store import migrate
    from etl.store.database import address
    from etl.store.engine import connection_to, engine_for

    with address(*_database(context)) as url, connection_to(engine_for(url)) as connection:
        before, after = migrate.upgrade(connection)
    say(f"the schema is {after} already" if before == after else f"schema {before or 'none'} → {after}")


@database.command("url")
def db_url(context: typer.Context) -> None:
    """Print the address of the database in use, with its password; an embedded one stays up until 'db stop'."""
    from etl.store.database import kept_address

    with kept_address(*_database(context)) as url:
        say(url)


@database.command("stop")
def db_stop(context: typer.Context) -> None:
    """Stop the embedded Postgres that 'db url' left running."""
    from etl.store.database import stop_embedded

    say("stopped" if stop_embedded(*_database(context)) else "it did not run")


@database.command("revisions")
def db_revisions(context: typer.Context) -> None:
    """List the schema's revisions and mark the one that the database has."""
    from etl.store import migrate
    from etl.store.database import address
    from etl.store.engine import connection_to, engine_for

    with address(*_database(context)) as url, connection_to(engine_for(url)) as connection:
        current = migrate.current(connection)
    for revision, purpose in migrate.revisions():
        say(f"{'→' if revision == current else ' '} {revision}  {purpose}")


@database.command("query")
def db_query(context: typer.Context, sql: Annotated[str, typer.Argument(metavar="SQL")]) -> None:
    """Run one SQL query, reading only, and print its rows."""
    from etl import app
    from etl.reporting.terminal import table
    from etl.store.reading import read_only

    with app.store(_settings(context)) as connection:
        columns, rows = read_only(connection, sql)
    _print_tables([table(None, columns, rows)])


def main() -> None:
    """The installed command."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; its exit code. Errors of ours are one line on stderr."""
    try:
        code = cli(arguments, prog_name="force-orders", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except TyperException as error:
        complain(error.format_message())
        return ExitCode.WRONG_INPUT
    except ForceOrdersError as error:
        complain(str(error))
        return error.exit_code
    except (KeyboardInterrupt, Abort):
        complain("stopped")
        return ExitCode.STOPPED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read has seen enough
        return ExitCode.DONE


def say(text: str) -> None:
    print(text)


def complain(text: str) -> None:
    print(f"force-orders: {text}", file=sys.stderr)


def _settings(context: typer.Context) -> "Settings":
    from etl.settings import load

    return load(context.obj)


def _database(context: typer.Context) -> tuple[str | None, Path]:
    settings = _settings(context)
    return settings.database_url.get_secret_value() if settings.database_url else None, settings.data_dir


def _symbols(typed: list[str]) -> list[str]:
    names = [name.strip().upper() for text in typed for name in text.split(",")]
    for name in names:
        if not re.fullmatch(r"\w{2,64}", name):
            raise ConfigError(f"{name!r} is no symbol; it is written like BTCUSDT")
    return names


def _check(settings: "Settings", span: "SpanText") -> None:
    """Before anything else is done: by this machine's clock, which may be wrong."""
    from etl import app
    from etl.exchange.clock import local_now

    span.resolve(app.rules(settings, local_now()))


def _print_plan(settings: "Settings", keys: "Sequence[Credentials]", planner: "Planner") -> None:
    from etl import app
    from etl.core.planning import cost
    from etl.exchange.clock import local_now
    from etl.operations import plan_only
    from etl.reporting.terminal import plan_lines

    with app.store(settings) as connection:
        rules = app.rules(settings, local_now())
        targets = plan_only(connection, [one.account for one in keys], planner, rules)
    for line in plan_lines(cost(targets), [target.need for target in targets], settings.weight_budget):
        say(line)


def _store(
    settings: "Settings",
    command: str,
    keys: "Sequence[Credentials]",
    planner: "Planner",
    symbols: "Sequence[str]" = (),
) -> "Summary":
    """A run that stores what it reads, and its printed summary."""
    from etl.operations import Storing

    with _running(settings, command, keys) as run:
        summary = run.execute(planner, Storing(run.connection, run.recorder, symbols))
    _print_summary(summary)
    return summary


@contextmanager
def _running(settings: "Settings", command: str, keys: "Sequence[Credentials]") -> "Iterator[Run]":
    """A run, wired: exchange, database, signals and the progress bar."""
    from etl import app
    from etl.operations import Run

    with _stop_signals() as stop:
        reader = app.reader(settings, keys, stop)
        with app.store(settings) as connection, _watching() as watch:
            yield Run(connection, reader, command, watch)


def _print_summary(summary: "Summary") -> None:
    from etl.reporting.terminal import gap_table, summary_line

    say(summary_line(summary))
    if summary.gaps:
        _print_tables([gap_table(summary.gaps)])
    _print_faults(summary)


def _print_faults(summary: "Summary") -> None:
    for fault in summary.faults:
        complain(fault)


def _print_demo(settings: "Settings", summary: "Summary") -> None:
    from etl import app
    from etl.reporting.terminal import table
    from etl.store.coverage import count_orders

    with app.store(settings) as connection:
        counts = count_orders(connection)
    _print_tables([table("orders", ("symbol", "orders"), [(name, n) for (_, name), n in sorted(counts.items())], 1)])
    command = Path(sys.argv[0])
    shown = command if command.is_absolute() else command.name
    here = f"FORCE_ORDERS_DATA_DIR={settings.data_dir} {shown}"
    say(f'\nquery it  {here} db query "{DEMO_QUERY}"')
    say(f'or        psql "$({here} db url)"')
    say("again     a second demo asks only for what is new")


def _print_tables(tables: list[Any]) -> None:
    from rich.console import Console

    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = 10_000  # a pipe or file has no edge to break lines at
    for shown in tables:
        console.print(shown)


@contextmanager
def _stop_signals() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set; a second signal ends the program at once."""
    stop = Event()

    def on_signal(number: int, frame: object) -> None:
        if stop.is_set():
            os._exit(ExitCode.STOPPED)
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watching() -> "AbstractContextManager[Watcher]":
    """A progress bar where stderr is a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        return nullcontext(lambda standing: None)
    from rich.console import Console

    from etl.reporting.terminal import progress

    return progress(Console(file=sys.stderr))
