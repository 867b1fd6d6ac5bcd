"""Probe results: what a probe found out about the exchange, question by question.

Nothing reads them but people. No proof rests on an answer.
"""

from alembic import op

revision = "0024"
down_revision = "0020"
branch_labels = None
depends_on = None

RESULTS = """
    CREATE TABLE probe_results (
        id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
        run_id bigint NOT NULL,
        account text NOT NULL,
        market text NOT NULL,
        host text NOT NULL,
        probed_at timestamptz NOT NULL DEFAULT now(),
        question text NOT NULL,
        answer text NOT NULL,
        is_settled boolean NOT NULL,
        evidence text NOT NULL,
        program_version text NOT NULL,
        CONSTRAINT probe_results_pkey PRIMARY KEY (id),
        CONSTRAINT probe_results_is_settled_check
            CHECK (is_settled = (answer NOT IN ('not settled', 'does not apply'))),
        CONSTRAINT probe_results_words_check CHECK (question <> '' AND answer <> '' AND evidence <> '')
    )
"""
INDEX = "CREATE INDEX probe_results_question_idx ON probe_results (account, market, question, id)"
COMMENTS = {
    "TABLE probe_results": "What force-orders probe found out about the exchange. Of an account, a market and a "
    "question the newest row counts. Nothing else in the program reads them, and no proof rests on them.",
    "COLUMN probe_results.run_id": "The run of the command probe that asked.",
    "COLUMN probe_results.account": "Name of the account in the settings.",
    "COLUMN probe_results.market": "The market whose endpoint was asked.",
    "COLUMN probe_results.host": "The host that answered.",
    "COLUMN probe_results.probed_at": "When the probe of this account and market had ended.",
    "COLUMN probe_results.question": "What the documentation of the exchange leaves open.",
    "COLUMN probe_results.answer": "What the exchange does; not settled: the probe could not tell; does not apply: "
    "the market has no such question.",
    "COLUMN probe_results.is_settled": "Whether the answer is one.",
    "COLUMN probe_results.evidence": "What the answer rests on, or why there is none.",
    "COLUMN probe_results.program_version": "The version of the program that asked.",
}


def upgrade() -> None:
    op.execute(RESULTS)
    op.execute(INDEX)
    for what, said in COMMENTS.items():
        op.execute(f"COMMENT ON {what} IS '{said}'")


def downgrade() -> None:
    op.execute("DROP TABLE probe_results")
