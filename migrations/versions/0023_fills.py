"""Fills: what each force order traded and paid, and what of that was read.

What is known of the fills of an order stands in a table of its own, so that reading them changes no order.
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

FILLS = """
    CREATE TABLE force_order_fills (
        account text NOT NULL,
        market text NOT NULL,
        symbol text NOT NULL,
        order_id bigint NOT NULL,
        trade_id bigint NOT NULL,
        "time" timestamptz NOT NULL,
        price numeric NOT NULL,
        qty numeric NOT NULL,
        quote_qty numeric,
        base_qty numeric,
        realized_pnl numeric,
        commission numeric,
        commission_asset text,
        margin_asset text,
        buyer boolean,
        maker boolean,
        raw jsonb NOT NULL,
        first_seen_at timestamptz NOT NULL DEFAULT now(),
        first_run_id bigint NOT NULL,
        CONSTRAINT force_order_fills_pkey PRIMARY KEY (account, market, symbol, order_id, trade_id)
    )
"""
# A fee names a trade, not an order.
TRADES = """
    CREATE INDEX force_order_fills_trade_idx ON force_order_fills (account, market, symbol, trade_id, order_id)
"""
CHECKS = """
    CREATE TABLE fill_checks (
        account text NOT NULL,
        market text NOT NULL,
        symbol text NOT NULL,
        order_id bigint NOT NULL,
        state text NOT NULL,
        reason text,
        executed_qty numeric NOT NULL,
        cum_quote numeric,
        checked_at timestamptz NOT NULL DEFAULT now(),
        tries integer NOT NULL DEFAULT 1,
        run_id bigint NOT NULL,
        CONSTRAINT fill_checks_pkey PRIMARY KEY (account, market, symbol, order_id),
        CONSTRAINT fill_checks_state_check CHECK (state IN ('complete', 'incomplete')),
        CONSTRAINT fill_checks_reason_check CHECK ((state = 'incomplete') = (reason IS NOT NULL)),
        CONSTRAINT fill_checks_tries_check CHECK (tries > 0)
    )
"""
COMMENTS = {
    "TABLE force_order_fills": "The fills of force orders, each as the exchange first sent it. Those of an order are "
    "all there where fill_checks says complete of it.",
    "COLUMN force_order_fills.account": "Name of the account in the settings.",
    "COLUMN force_order_fills.market": "Which market of the account it is, as in force_orders.",
    "COLUMN force_order_fills.symbol": "The contract.",
    "COLUMN force_order_fills.order_id": "The order that was filled, as in force_orders.",
    "COLUMN force_order_fills.trade_id": "The exchange counts trades by symbol.",
    "COLUMN force_order_fills.time": "When it was traded, to the millisecond.",
    "COLUMN force_order_fills.price": "The price of this fill.",
    "COLUMN force_order_fills.qty": "In the base asset; of coin-margined contracts their number.",
    "COLUMN force_order_fills.quote_qty": "What it was worth in the quote asset; null where it is not sent.",
    "COLUMN force_order_fills.base_qty": "What it was worth in the base asset, rounded; null where it is not sent.",
    "COLUMN force_order_fills.realized_pnl": "What the account gained by it, negative where it lost, in the margin "
    "asset and without the commission.",
    "COLUMN force_order_fills.commission": "The trading fee, positive where the account paid it, in commission_asset.",
    "COLUMN force_order_fills.commission_asset": "BNB or the margin asset.",
    "COLUMN force_order_fills.margin_asset": "As the row has it; null where it is not sent.",
    "COLUMN force_order_fills.buyer": "Whether the account bought.",
    "COLUMN force_order_fills.maker": "Whether the order of the account was the one that waited.",
    "COLUMN force_order_fills.raw": "The row as received.",
    "COLUMN force_order_fills.first_seen_at": "When it was first received.",
    "COLUMN force_order_fills.first_run_id": "The run that first received it.",
    "TABLE fill_checks": "Whether the fills of a force order are all stored. An order without a row was not asked for.",
    "COLUMN fill_checks.account": "Name of the account in the settings.",
    "COLUMN fill_checks.market": "Which market of the account it is, as in force_orders.",
    "COLUMN fill_checks.symbol": "The contract.",
    "COLUMN fill_checks.order_id": "The order, as in force_orders.",
    "COLUMN fill_checks.state": "complete: the fills add up to what the order says; incomplete: they do not.",
    "COLUMN fill_checks.reason": "Null where they are complete. too few: a fill is late, unreadable or lost. too many: "
    "they add up to more than the order. worth differs: only what they are worth does not add up. crowded: a "
    "millisecond has more of them than a page shows. symbol refused: the contract is closed. beyond retention: the "
    "exchange says that it no longer keeps them.",
    "COLUMN fill_checks.executed_qty": "What the order said was executed when this was checked. Where it says another "
    "number now, its fills are asked for again.",
    "COLUMN fill_checks.cum_quote": "The same of what that was worth.",
    "COLUMN fill_checks.checked_at": "When the fills were last asked for.",
    "COLUMN fill_checks.tries": "In how many runs they were asked for, since the order last said another number.",
    "COLUMN fill_checks.run_id": "The run that last asked for them.",
}


def upgrade() -> None:
    op.execute(FILLS)
    op.execute(TRADES)
    op.execute(CHECKS)
    for what, said in COMMENTS.items():
        quoted = said.replace("'", "''")
        op.execute(f"COMMENT ON {what} IS '{quoted}'")


def downgrade() -> None:
    op.execute("DROP TABLE fill_checks, force_order_fills")
