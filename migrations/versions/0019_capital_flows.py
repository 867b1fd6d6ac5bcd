"""Capital flows: what a liquidation left that leaves no order.

Their coverage has a table of its own: what is proven of flows says nothing of orders, and no view of orders may count
it.
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

FLOWS = """
    CREATE TABLE capital_flows (
        account text NOT NULL,
        market text NOT NULL,
        id bigint NOT NULL,
        tran_id bigint,
        "time" timestamptz NOT NULL,
        asset text NOT NULL,
        symbol text,
        type text NOT NULL,
        amount numeric NOT NULL,
        raw jsonb NOT NULL,
        first_seen_at timestamptz NOT NULL DEFAULT now(),
        first_run_id bigint NOT NULL,
        CONSTRAINT capital_flows_pkey PRIMARY KEY (account, market, id),
        CONSTRAINT capital_flows_type_check CHECK (type LIKE '%LIQUIDATION%')
    )
"""
COVERAGE = """
    CREATE TABLE capital_flow_coverage (
        account text NOT NULL,
        market text NOT NULL,
        asked_since timestamptz,
        proven tstzmultirange NOT NULL DEFAULT '{}',
        saturated tstzmultirange NOT NULL DEFAULT '{}',
        beyond_retention tstzmultirange NOT NULL DEFAULT '{}',
        failed tstzmultirange NOT NULL DEFAULT '{}',
        disputed tstzmultirange NOT NULL DEFAULT '{}',
        CONSTRAINT capital_flow_coverage_pkey PRIMARY KEY (account, market)
    )
"""
# As `coverage_gaps` of orders.
GAPS = """
    CREATE VIEW capital_flow_gaps AS
    SELECT account, market, lower(gap) AS gap_start, upper(gap) AS gap_end, reason
      FROM (SELECT *, greatest(upper(proven), upper(saturated), upper(beyond_retention), upper(failed),
                               upper(disputed)) AS known_until
              FROM capital_flow_coverage) AS known
     CROSS JOIN LATERAL (
           SELECT tstzmultirange(tstzrange(least(asked_since, lower(proven), known_until), known_until)) - proven
                  AS hole) AS holes
     CROSS JOIN LATERAL (VALUES
            ('saturated', hole * saturated),
            ('beyond_retention', hole * beyond_retention - saturated),
            ('disputed', hole * disputed - beyond_retention - saturated),
            ('failed', hole * failed - disputed - beyond_retention - saturated),
            ('not_fetched', hole - failed - disputed - beyond_retention - saturated)
          ) AS reasons (reason, gaps)
     CROSS JOIN LATERAL unnest(gaps) AS gap
     WHERE known_until IS NOT NULL
"""
REPORT = """
    CREATE VIEW report_liquidation_flows AS
    SELECT account, "time", asset, symbol, type, amount FROM capital_flows
"""
MEANING = (
    "What liquidations of Portfolio Margin accounts moved in margin, also those that left no order. One liquidation "
    "has several rows. Of a time that capital_flow_gaps names some may be missing."
)
COMMENTS = {
    "account": "Name of the account in the settings.",
    "time": "When the amount was moved, to the millisecond.",
    "asset": "The asset that was moved.",
    "symbol": "The pair or contract as the exchange names it; empty or null where it names none.",
    "type": "BUY_LIQUIDATION, SELL_LIQUIDATION, REPAY_LIQUIDATION, OTHER_LIQUIDATION, LIQUIDATION_FEE, or another type "
    "of the exchange with LIQUIDATION in its name.",
    "amount": "How much of the asset; negative where the account lost it.",
}


def upgrade() -> None:
    for statement in (FLOWS, COVERAGE, GAPS, REPORT):
        op.execute(statement)
    op.execute('CREATE INDEX capital_flows_account_time_idx ON capital_flows (account, "time")')
    op.execute(f"COMMENT ON VIEW report_liquidation_flows IS '{MEANING}'")
    for column, said in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN report_liquidation_flows.{column} IS '{said}'")


def downgrade() -> None:
    op.execute("DROP VIEW report_liquidation_flows, capital_flow_gaps")
    op.execute("DROP TABLE capital_flow_coverage, capital_flows")
