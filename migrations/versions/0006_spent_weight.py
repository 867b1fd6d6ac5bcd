"""Spent weight: what the processes behind an address have used of each minute, so that they share one budget.

The weight of a process counts for as long as its connection is there: what one that ended has sent is somebody else's,
of which the exchange's header tells.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE spent_weight (
            egress text NOT NULL,
            minute timestamptz NOT NULL,
            holder integer NOT NULL,
            weight bigint NOT NULL,
            late bigint NOT NULL,
            noted_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT spent_weight_pkey PRIMARY KEY (egress, minute, holder),
            CONSTRAINT spent_weight_late_check CHECK (late BETWEEN 0 AND weight)
        )
    """)
    # A holder has an advisory lock of two keys; 73019943 stands for "may send".
    op.execute("""
        CREATE VIEW shared_weight AS
        SELECT egress, minute, sum(weight)::bigint AS weight, sum(late)::bigint AS late
          FROM spent_weight
         WHERE EXISTS (SELECT FROM pg_locks
                        WHERE locktype = 'advisory' AND objsubid = 2 AND classid = 73019943 AND objid = holder::oid
                          AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))
         GROUP BY egress, minute
    """)
    # What was sent in the last second of a minute may count in the next: it is added to both.
    op.execute("""
        CREATE FUNCTION take_weight(
            _egress text, _silence text, _holder integer, _minute timestamptz,
            _weight bigint, _late bigint, _room bigint,
            OUT granted boolean, OUT spent bigint, OUT silent bigint
        ) LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtextextended('egress ' || _egress, 0));
            SELECT greatest(0, extract(epoch FROM until - clock_timestamp()) * 1000)::bigint
              INTO silent FROM silences WHERE egress = _silence;
            silent := coalesce(silent, 0);
            SELECT coalesce(sum(CASE minute WHEN _minute THEN weight ELSE late END), 0)
              INTO spent FROM shared_weight
             WHERE egress = _egress AND minute IN (_minute, _minute - interval '1 minute');
            granted := silent = 0 AND spent + _weight <= _room;
            IF granted THEN
                INSERT INTO spent_weight AS own (egress, minute, holder, weight, late)
                VALUES (_egress, _minute, _holder, _weight, _late)
                    ON CONFLICT (egress, minute, holder) DO UPDATE
                   SET weight = own.weight + excluded.weight, late = own.late + excluded.late;
                spent := spent + _weight;
            END IF;
        END
        $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION take_weight")
    op.execute("DROP VIEW shared_weight")
    op.execute("DROP TABLE spent_weight")
