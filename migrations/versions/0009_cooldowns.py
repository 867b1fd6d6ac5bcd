"""Cooldowns: the table `silences` and what reads it get the field's own word. Rights on the table stay."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TAKE_WEIGHT = """
    CREATE FUNCTION take_weight(
        _egress text, _cooldown_of text, _holder integer, _minute timestamptz,
        _weight bigint, _late bigint, _room bigint,
        OUT granted boolean, OUT spent bigint, OUT cooldown_ms bigint
    ) LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended('egress ' || _egress, 0));
        SELECT greatest(0, extract(epoch FROM until - clock_timestamp()) * 1000)::bigint
          INTO cooldown_ms FROM {table} WHERE egress = _cooldown_of;
        cooldown_ms := coalesce(cooldown_ms, 0);
        SELECT coalesce(sum(CASE minute WHEN _minute THEN weight ELSE late END), 0)
          INTO spent FROM shared_weight
         WHERE egress = _egress AND minute IN (_minute, _minute - interval '1 minute');
        granted := cooldown_ms = 0 AND spent + _weight <= _room;
        IF granted THEN
            INSERT INTO spent_weight AS own (egress, minute, holder, weight, late)
            VALUES (_egress, _minute, _holder, _weight, _late)
                ON CONFLICT (egress, minute, holder) DO UPDATE
               SET weight = own.weight + excluded.weight, late = own.late + excluded.late;
            spent := spent + _weight;
        END IF;
    END
    $$
"""


def upgrade() -> None:
    _rename("silences", "cooldowns")


def downgrade() -> None:
    _rename("cooldowns", "silences")


def _rename(old: str, new: str) -> None:
    op.execute(f"ALTER TABLE {old} RENAME TO {new}")
    op.execute(f"ALTER TABLE {new} RENAME CONSTRAINT {old}_pkey TO {new}_pkey")
    op.execute("DROP FUNCTION take_weight")  # a parameter cannot be renamed
    op.execute(_TAKE_WEIGHT.format(table=new))
