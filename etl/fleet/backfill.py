"""The jobs of a distributed backfill."""

from collections.abc import Sequence

from sqlalchemy import Connection

from etl.accounts.key_sources import key_sources
from etl.core.market_choice import markets_to_read
from etl.core.markets import market_named
from etl.core.wallets import Wallet
from etl.exchange.clock import local_now
from etl.fleet.jobs import Job, weekly_jobs
from etl.runs import from_settings
from etl.runs.arguments import check_markets, check_readable, parse_symbols
from etl.runs.known_markets import known_markets
from etl.runs.run import plan_only
from etl.runs.spans import SpanText, backfill_planner
from etl.settings.model import Settings


def backfill_jobs(
    settings: Settings,
    connection: Connection,
    accounts: Sequence[str],
    symbols: Sequence[str],
    span: SpanText,
    markets: Sequence[str] = (),
) -> list[Job]:
    """A job for each account, market and week of the span that is not proven yet; raises ConfigError and StoreError."""
    names = tuple(parse_symbols(symbols))
    check_readable(settings, span)
    chosen = [source.account for source in key_sources(settings, accounts)]
    check_markets(settings, chosen, names, markets)
    now, planner, jobs = local_now(), backfill_planner(span, names), []
    for account in chosen:
        own = known_markets(settings, connection, account)
        for market in markets_to_read(markets, own, names):
            rules = from_settings.rules(settings, now, market_named(market).weights)
            whole = Job(account, settings.queue_of(account), symbols=names, market=market)
            jobs += weekly_jobs(whole, plan_only(connection, [Wallet(account, market)], planner, rules), rules)
    return jobs
