"""Markets: what the orders of each market have besides, which markets an account has, and the instruments.

The views that are there already get more columns, and `coverage_gaps` the reason `market_not_read`. They are replaced,
not made anew, so that rights on them stay. No order changes in what it says: no earlier version is kept, and every seal
is as it was.
"""

from pathlib import Path
from runpy import run_path
from typing import Any

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

SCOPE = (
    "usdm: USDⓈ-M futures; coinm: COIN-M futures; margin: cross and isolated margin; pm-usdm, pm-coinm, pm-margin: the "
    "same of a Portfolio Margin account."
)
ASSETS = {
    "base_asset": "The asset that is traded against the quote asset, as the exchange lists it; of a symbol that was "
    "never listed read off its beginning, null where it is unheard of.",
    "margin_asset": "The asset that gains and losses are settled in: the coin of a coin-margined contract, else the "
    "quote asset. Null for orders of margin markets, which borrow.",
}
COIN = "of coin-margined contracts were worth in margin_asset; null for other markets."
IN_USD = "What the fills were worth, in the quote asset: of coin-margined contracts their number times their size."
QUOTE = "as the exchange lists it; of a symbol that was never listed read off its end, null where it is unheard of."
CONTRACT = {
    "contract_type": "PERPETUAL, CURRENT_QUARTER and others, as the exchange lists it.",
    "delivery_at": "When the contract expires; null for a perpetual one.",
}
IN_BASE = "in the base asset; of coin-margined orders in contracts."

COMMENTS = {
    "report_force_orders": {
        "market": SCOPE,
        "order_time": "When the exchange created the order, to the millisecond; see order_time_source.",
        "quantity_ordered": f"Quantity to be closed, {IN_BASE}",
        "quantity_filled": f"Quantity that was closed, {IN_BASE}",
        "notional": IN_USD,
        "quote_asset": f"The asset of prices and notional, {QUOTE}",
        **ASSETS,
        "coin_notional": f"What the fills {COIN}",
        "pair": "Underlying pair of the contract, as the exchange names it.",
        **CONTRACT,
        "contract_size": "What one contract is worth, in the quote asset; null where quantities are no contracts.",
        "is_isolated": "Whether a margin order was of isolated margin; null where the exchange does not say it.",
        "order_time_source": "time: order_time is when the order was created; update: the exchange does not say that, "
        "and order_time is update_time.",
        "source": "api: the exchange answered with the row; archive: it was read from a file of the exchange.",
    },
    "report_daily": {
        "market": SCOPE,
        "quantity_filled": f"Quantity that was closed, {IN_BASE}",
        "quantity_unfilled": f"Quantity that was ordered and not closed, {IN_BASE}",
        "notional": IN_USD,
        "quote_asset": f"The asset of notional, {QUOTE}",
        **ASSETS,
        "coin_notional": f"What the fills {COIN}",
    },
    "report_symbols": {
        "market": SCOPE,
        "notional": IN_USD,
        "quote_asset": f"The asset of notional, {QUOTE}",
        **ASSETS,
        "coin_notional": f"What the fills {COIN}",
        **CONTRACT,
        "is_listed": "Whether the exchange still lists the symbol; null where it was never listed.",
    },
    "report_cascades": {
        "market": SCOPE,
        "notional_by_asset": "The notional of each quote asset by itself, as text so that no reader rounds it; unknown "
        "stands for symbols of an ending unheard of.",
    },
    "report_coverage": {
        "market": SCOPE,
        "day": "Day of UTC. A day on which the account got or lost the market counts for the rest or the part before.",
        "reasons": "Why not all of it is proven, as in coverage_gaps, and quarantined where a row that could not be "
        "read may belong to it; null where it is, where it lies after the newest proof, or where only symbols by name "
        "were asked for.",
    },
}


def upgrade() -> None:
    for part in ("orders", "gaps", "reports"):
        op.execute(Path(__file__).with_name(f"0018_{part}.sql").read_text(encoding="utf-8"))
    for view, columns in COMMENTS.items():
        for column, said in columns.items():
            quoted = said.replace("'", "''")
            op.execute(f"COMMENT ON COLUMN {view}.{column} IS '{quoted}'")


def downgrade() -> None:
    """The views as the migrations before this one made them: a column cannot be taken from a view."""
    reports, decisions, scale = (_made_by(name) for name in ("0005_reports", "0014_decisions", "0016_scale"))
    op.execute("DROP VIEW report_daily, report_symbols, report_cascades, report_coverage, report_force_orders")
    op.execute(scale["GAPS"].format(filter=scale["HAS_HOLE"]))
    for view in ("ORDERS", "DAILY", "SYMBOLS", "CASCADES"):
        op.execute(reports[view])
    op.execute(decisions["AFTER"].replace("CREATE OR REPLACE", "CREATE"))
    for view, (meaning, columns) in reports["COMMENTS"].items():
        if view != "report_runs":
            reports["comment"]("VIEW", view, meaning)
            for column, said in columns.items():
                reports["comment"]("COLUMN", f"{view}.{column}", said)
    for column, said in decisions["COMMENTS_AFTER"].items():
        reports["comment"]("COLUMN", f"report_coverage.{column}", said)
    op.execute("DROP FUNCTION base_asset_of, quote_asset_of")
    op.execute("DROP VIEW unread_markets")
    op.execute("DROP FUNCTION instrument_market")
    op.execute("DROP TABLE account_markets, instruments")
    op.execute("DROP TRIGGER force_orders_refuse_other_margin ON force_orders")
    op.execute("DROP FUNCTION refuse_other_margin")
    op.execute(decisions["MOMENT"].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    for table in ("force_orders", "force_order_revisions"):
        op.execute(f"""
            ALTER TABLE {table} DROP COLUMN pair, DROP COLUMN cum_base, DROP COLUMN is_isolated, DROP COLUMN source,
                DROP COLUMN order_time_source
        """)
    _restore_revisions()


def _restore_revisions() -> None:
    op.execute("""
        CREATE OR REPLACE FUNCTION keep_force_order_revision() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO force_order_revisions
            SELECT OLD.*, OLD.changed_at, greatest(NEW.changed_at, OLD.changed_at + interval '1 microsecond');
            RETURN NEW;
        END
        $$
    """)
    op.execute("""
        CREATE OR REPLACE FUNCTION force_orders_as_of(moment timestamptz) RETURNS SETOF force_orders
            LANGUAGE sql STABLE AS $$
            SELECT * FROM force_orders WHERE changed_at <= moment
            UNION ALL
            SELECT account, market, symbol, order_id, client_order_id, status, side, position_side, type, orig_type,
                   time_in_force, working_type, price, avg_price, stop_price, orig_qty, executed_qty, cum_quote,
                   reduce_only, close_position, close_type, order_time, update_time, raw, first_seen_at, changed_at,
                   first_run_id, last_run_id
              FROM force_order_revisions
             WHERE valid_from <= moment AND moment < valid_until
        $$
    """)


def _made_by(migration: str) -> dict[str, Any]:
    """The names of an earlier migration, which does not change."""
    return run_path(str(Path(__file__).with_name(f"{migration}.py")))
