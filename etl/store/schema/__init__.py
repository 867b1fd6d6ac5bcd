"""The tables as the migrations create them; a test compares the two. SQL users rely on these names."""

from etl.store.schema.accounts import DECISIONS, MARKET_STATES, account_markets, decisions, identities
from etl.store.schema.archive import archive_files
from etl.store.schema.budget import cooldowns, spent_weight, weight_limits
from etl.store.schema.capital_flows import capital_flow_coverage, capital_flows
from etl.store.schema.columns import EVERY_SYMBOL, metadata
from etl.store.schema.coverage import coverage
from etl.store.schema.exports import export_marks
from etl.store.schema.fills import FILL_STATES, fill_checks, force_order_fills
from etl.store.schema.income import income, income_coverage
from etl.store.schema.mark_prices import mark_prices
from etl.store.schema.orders import (
    ORDER_SOURCES,
    daily_sums,
    force_order_revisions,
    force_orders,
    instruments,
    order_counts,
    order_days,
    quarantined_orders,
)
from etl.store.schema.reconciliations import (
    DISCREPANCIES,
    reconciled_days,
    reconciliation_orders,
    reconciliations,
)
from etl.store.schema.runs import RUN_STATUSES, backups, probe_results, run_days, run_wallets, runs, verifications
from etl.store.schema.seals import newest_seals, seals

__all__ = [
    "DECISIONS",
    "DISCREPANCIES",
    "EVERY_SYMBOL",
    "FILL_STATES",
    "MARKET_STATES",
    "ORDER_SOURCES",
    "RUN_STATUSES",
    "account_markets",
    "archive_files",
    "backups",
    "capital_flow_coverage",
    "capital_flows",
    "cooldowns",
    "coverage",
    "daily_sums",
    "decisions",
    "export_marks",
    "fill_checks",
    "force_order_fills",
    "force_order_revisions",
    "force_orders",
    "identities",
    "income",
    "income_coverage",
    "instruments",
    "mark_prices",
    "metadata",
    "newest_seals",
    "order_counts",
    "order_days",
    "probe_results",
    "quarantined_orders",
    "reconciled_days",
    "reconciliation_orders",
    "reconciliations",
    "run_days",
    "run_wallets",
    "runs",
    "seals",
    "spent_weight",
    "verifications",
    "weight_limits",
]
