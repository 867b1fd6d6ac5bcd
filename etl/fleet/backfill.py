"""The jobs of a distributed backfill."""

from collections.abc import Sequence

from sqlalchemy import Connection

from etl.accounts.key_sources import key_sources
from etl.core.wallets import Wallet
from etl.exchange.clock import local_now
from etl.fleet.jobs import Job, weekly_jobs
from etl.runs import composition
from etl.runs.arguments import check_readable, parse_symbols
from etl.runs.run import plan_only
from etl.runs.spans import SpanText, backfill_planner
from etl.settings.model import Settings


def backfill_jobs(
    settings: Settings, connection: Connection, accounts: Sequence[str], symbols: Sequence[str], span: SpanText
) -> list[Job]:
    """A job for each account and week of the span that is not proven yet; raises ConfigError and StoreError."""
    names = tuple(parse_symbols(symbols))
    check_readable(settings, span)
    rules, planner, jobs = composition.rules(settings, local_now()), backfill_planner(span, names), []
    for source in key_sources(settings, accounts):
        whole = Job(source.account, settings.queue_of(source.account), symbols=names)
        jobs += weekly_jobs(whole, plan_only(connection, [Wallet(source.account, whole.market)], planner, rules), rules)
    return jobs
