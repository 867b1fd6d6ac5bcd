"""Income: what changed the balance of an account, by type, such as the fee for the clearance of a liquidation.

Each type has a coverage of its own: what is proven of one says nothing of another, and nothing of orders.
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

INCOME = """
    CREATE TABLE income (
        id bigint GENERATED ALWAYS AS IDENTITY,
        account text NOT NULL,
        market text NOT NULL,
        income_type text NOT NULL,
        tran_id bigint NOT NULL,
        "time" timestamptz NOT NULL,
        asset text NOT NULL,
        amount numeric NOT NULL,
        symbol text NOT NULL,
        trade_id bigint,
        copy smallint NOT NULL,
        raw jsonb NOT NULL,
        first_seen_at timestamptz NOT NULL DEFAULT now(),
        first_run_id bigint NOT NULL,
        CONSTRAINT income_pkey PRIMARY KEY (id),
        CONSTRAINT income_copy_check CHECK (copy >= 0 AND (copy = 0 OR tran_id = 0))
    )
"""
COVERAGE = """
    CREATE TABLE income_coverage (
        account text NOT NULL,
        market text NOT NULL,
        income_type text NOT NULL,
        asked_since timestamptz,
        proven tstzmultirange NOT NULL DEFAULT '{}',
        saturated tstzmultirange NOT NULL DEFAULT '{}',
        beyond_retention tstzmultirange NOT NULL DEFAULT '{}',
        failed tstzmultirange NOT NULL DEFAULT '{}',
        disputed tstzmultirange NOT NULL DEFAULT '{}',
        CONSTRAINT income_coverage_pkey PRIMARY KEY (account, market, income_type)
    )
"""
# An id is unique within its type, but 0 is no id: such a row is all that it says, and how many there are of it.
INDEXES = """
    CREATE UNIQUE INDEX income_tran_id_key ON income (account, market, income_type, tran_id) WHERE tran_id <> 0;
    CREATE UNIQUE INDEX income_without_id_key
        ON income (account, market, income_type, "time", asset, amount, symbol, coalesce(trade_id, -1), copy)
     WHERE tran_id = 0;
    CREATE INDEX income_type_time_idx ON income (account, market, income_type, "time");
    CREATE INDEX income_symbol_time_idx ON income (account, market, symbol, "time");
    CREATE INDEX income_trade_id_idx ON income (account, market, trade_id) WHERE trade_id IS NOT NULL;
"""
# As `coverage_gaps` of orders.
GAPS = """
    CREATE VIEW income_gaps AS
    SELECT account, market, income_type, lower(gap) AS gap_start, upper(gap) AS gap_end, reason
      FROM (SELECT *, greatest(upper(proven), upper(saturated), upper(beyond_retention), upper(failed),
                               upper(disputed)) AS known_until
              FROM income_coverage) AS known
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
COMMENTS = {
    "TABLE income": "What changed the balance of an account in a market, of the types that are read: INSURANCE_CLEAR "
    "is the fee for the clearance of a liquidation. A row names no order. Of a time that income_gaps names some rows "
    "may be missing. Unique by account, market, income_type and tran_id or, where that is 0, by all that a row says.",
    "COLUMN income.id": "Ours: the order in which rows were stored.",
    "COLUMN income.account": "Name of the account in the settings.",
    "COLUMN income.market": "The market in whose balance it is.",
    "COLUMN income.income_type": "The word of the exchange, such as INSURANCE_CLEAR or FUNDING_FEE.",
    "COLUMN income.tran_id": "The id that the exchange gave, unique within the type; 0: none.",
    "COLUMN income.time": "When the balance changed, to the millisecond.",
    "COLUMN income.asset": "The asset of the balance.",
    "COLUMN income.amount": "How much of the asset; negative where the account lost it.",
    "COLUMN income.symbol": "The contract; empty where the exchange names none.",
    "COLUMN income.trade_id": "The fill that it belongs to; null where the exchange names none.",
    "COLUMN income.copy": "Numbers, from 0, rows without id that are equal in all that they say; else 0.",
    "COLUMN income.raw": "The row as received.",
    "COLUMN income.first_seen_at": "When the row was stored.",
    "COLUMN income.first_run_id": "The run that stored it.",
    "TABLE income_coverage": "Internal: what is proven of the income of each type.",
    "VIEW income_gaps": "Of which times the income of a type is not proven, as in coverage_gaps.",
    "COLUMN income_gaps.account": "Name of the account in the settings.",
    "COLUMN income_gaps.market": "The market of the income.",
    "COLUMN income_gaps.income_type": "The type that was asked for.",
    "COLUMN income_gaps.gap_start": "The first instant that is not proven.",
    "COLUMN income_gaps.gap_end": "The first instant after it that is proven or was never reached.",
    "COLUMN income_gaps.reason": "not_fetched, saturated, beyond_retention, failed or disputed.",
}


def upgrade() -> None:
    for statement in (INCOME, COVERAGE, *filter(str.strip, INDEXES.split(";")), GAPS):
        op.execute(statement)
    for what, said in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{said}'")


def downgrade() -> None:
    op.execute("DROP VIEW income_gaps")
    op.execute("DROP TABLE income_coverage, income")
