"""Mark prices: what a fill was worse than the market, where the mark price at the order was read."""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TABLE = """
    CREATE TABLE mark_prices (
        market text NOT NULL,
        symbol text NOT NULL,
        minute timestamptz NOT NULL,
        price numeric NOT NULL,
        raw jsonb NOT NULL,
        first_seen_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT mark_prices_pkey PRIMARY KEY (market, symbol, minute),
        CONSTRAINT mark_prices_market_check CHECK (market IN ('usdm', 'coinm')),
        CONSTRAINT mark_prices_minute_check CHECK (minute = date_trunc('minute', minute, 'UTC')),
        CONSTRAINT mark_prices_price_check CHECK (price > 0)
    )
"""
VIEW = """
    CREATE VIEW report_slippage AS
    SELECT o.account, o.market, o.symbol, o.order_id, o.close_type, o.side, o.order_time, o.average_price,
           mark.price AS mark_price_at_order,
           round(CASE o.side WHEN 'SELL' THEN mark.price - o.average_price
                             WHEN 'BUY' THEN o.average_price - mark.price
                 END * 10000 / mark.price, 2) AS slippage_bps
      FROM report_force_orders AS o
      JOIN mark_prices AS mark ON mark.market = instrument_market(o.market) AND mark.symbol = o.symbol
                              AND mark.minute = date_trunc('minute', o.order_time, 'UTC')
     WHERE o.average_price IS NOT NULL
"""
COMMENTS = {
    "TABLE mark_prices": "The mark price of a contract at the beginning of each minute in which a force order of it "
    "was created. Read where the setting mark_prices is true.",
    "COLUMN mark_prices.market": "usdm or coinm: the markets of Portfolio Margin share the prices of the others.",
    "COLUMN mark_prices.symbol": "Contract, as the exchange names it.",
    "COLUMN mark_prices.minute": "The beginning of the minute.",
    "COLUMN mark_prices.price": "The mark price at that instant, before an order of the minute can have moved it.",
    "COLUMN mark_prices.raw": "The row as received, with open, high, low and close of the minute.",
    "COLUMN mark_prices.first_seen_at": "When it was stored.",
    "VIEW report_slippage": "Filled orders whose mark price is known, and how much worse than it the fills were.",
    "COLUMN report_slippage.account": "Name of the account in the settings.",
    "COLUMN report_slippage.market": "usdm, coinm, pm-usdm or pm-coinm; margin has no mark price.",
    "COLUMN report_slippage.symbol": "Contract, as the exchange names it.",
    "COLUMN report_slippage.order_id": "The order, unique with its symbol.",
    "COLUMN report_slippage.close_type": "LIQUIDATION, ADL, SETTLEMENT or UNKNOWN.",
    "COLUMN report_slippage.side": "Side of the order: SELL closes a long, BUY a short.",
    "COLUMN report_slippage.order_time": "When the exchange created the order, to the millisecond.",
    "COLUMN report_slippage.average_price": "Average price of the fills, in the quote asset.",
    "COLUMN report_slippage.mark_price_at_order": "The mark price at the beginning of the minute of order_time.",
    "COLUMN report_slippage.slippage_bps": "How much worse than mark_price_at_order the fills were, in hundredths of a "
    "percent of it, two decimals. Positive: sold lower or bought higher.",
}


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(VIEW)
    for what, said in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{said}'")


def downgrade() -> None:
    op.execute("DROP VIEW report_slippage")
    op.execute("DROP TABLE mark_prices")
