"""Probe results: what a probe found out about the exchange, question by question.

Nothing reads them but people. No proof rests on an answer.
"""

from alembic import op

revision = "0024"
down_revision = "0023"
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
MEANING = (
    "What force-orders probe found out about the exchange. Of an account, a market and a question the newest row "
    "counts. Nothing else in the program reads it, and no proof rests on it."
)
COMMENTS = {
    "run_id": "The run of the command probe that asked.",
    "account": "Name of the account in the settings.",
    "market": "The market whose endpoint was asked.",
    "host": "The host that answered.",
    "probed_at": "When the answers were stored.",
    "question": "What the documentation of the exchange leaves open.",
    "answer": "What the exchange does, or: not settled, does not apply.",
    "is_settled": "Whether the answer is one.",
    "evidence": "What the answer rests on, or why there is none.",
    "program_version": "The version of the program that asked.",
}


def upgrade() -> None:
    op.execute(RESULTS)
    op.execute(INDEX)
    op.execute(f"COMMENT ON TABLE probe_results IS '{MEANING}'")
    for column, said in COMMENTS.items():
        op.execute(f"COMMENT ON COLUMN probe_results.{column} IS '{said}'")


def downgrade() -> None:
    op.execute("DROP TABLE probe_results")
