"""What a backfill would request, and what that would cost. Sends nothing and writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from etl.core.identity import host_of
from etl.core.market_choice import markets_to_read
from etl.core.markets import MARKETS
from etl.core.markets.market import Pool
from etl.core.plan_costs import MarketPlan
from etl.core.wallets import Wallet
from etl.exchange.clock import local_now
from etl.runs import from_settings, weight_limit
from etl.runs.ingest import IngestSpec
from etl.runs.known_markets import known_markets
from etl.runs.run import plan_only
from etl.settings.model import Settings


@dataclass(frozen=True)
class Preview:
    """What a run would request, and how much weight a minute each pool allows it."""

    plans: Sequence[MarketPlan]
    budgets: dict[Pool, int]


def preview(connection: Connection, settings: Settings, spec: IngestSpec) -> Preview:
    """By this machine's clock. Raises ConfigError and StoreError."""
    of_account = {
        one.account: markets_to_read(spec.markets, known_markets(settings, connection, one.account), spec.symbols)
        for one in spec.keys.usable
    }
    urls, now = settings.base_urls(), local_now()
    plans: list[MarketPlan] = []
    budgets: dict[Pool, int] = {}
    for market in MARKETS:
        wallets = [Wallet(account, market.name) for account, own in of_account.items() if market.name in own]
        if not wallets:
            continue
        targets = plan_only(connection, wallets, spec.planner, from_settings.rules(settings, now, market.weights))
        host = host_of(urls[market.api.name])
        budget, asks = weight_limit.expected(connection, market, host, settings.weight_budget)
        plans.append(MarketPlan(market, targets, asks))
        budgets[market.api.pool] = min(budget, budgets.get(market.api.pool, budget))
    return Preview(plans, budgets)
