"""Decisions: what an operator decided about accounts, coverage and the quarantine, and why.

A day that an unresolved row of the quarantine may belong to is no longer proven in `report_coverage`. That view is
replaced, not made anew, so that rights on it stay.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

DECISIONS = """
    CREATE TABLE decisions (
        id bigint GENERATED ALWAYS AS IDENTITY,
        decided_at timestamptz NOT NULL DEFAULT now(),
        decided_by text NOT NULL DEFAULT session_user,
        kind text NOT NULL,
        account text NOT NULL,
        market text,
        details jsonb NOT NULL DEFAULT '{}',
        why text NOT NULL,
        CONSTRAINT decisions_pkey PRIMARY KEY (id),
        CONSTRAINT decisions_kind_check
            CHECK (kind IN ('retire', 'resume', 'forget', 'dismiss', 'reset', 'vanished')),
        CONSTRAINT decisions_why_check CHECK (why <> '')
    )
"""
DISMISSED = """
    CREATE INDEX quarantined_orders_dismissed_idx
        ON quarantined_orders (account, market, md5(raw::text)) WHERE decision_id IS NOT NULL
"""
# A row that is no JSON is a JSON string of its text, in which the field is looked for.
FIELD = r"""
    CREATE FUNCTION quarantined_field(raw jsonb, name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
        SELECT CASE jsonb_typeof(raw)
               WHEN 'object' THEN raw ->> name
               WHEN 'string' THEN substring(raw #>> '{}' FROM '"' || name || '"\s*:\s*"?([^",}\s]*)')
               END
    $$
"""
# Thirteen digits are milliseconds; sixteen would be microseconds, and ten seconds.
MOMENT = """
    CREATE FUNCTION quarantined_moment(raw jsonb, name text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
        SELECT CASE WHEN quarantined_field(raw, name) ~ '^[1-9][0-9]{12}$'
                    THEN timestamptz 'epoch' + quarantined_field(raw, name)::bigint * interval '1 millisecond' END
    $$
"""
# A time before the exchange opened, or after the row was received, is not the order's.
DAYS = """
    CREATE VIEW quarantined_days AS
    SELECT account, market, id AS quarantined_order_id, sent.day AS first_day,
           coalesce(sent.day, timezone('UTC', seen_at)::date) AS last_day
      FROM quarantined_orders
      LEFT JOIN LATERAL (
           SELECT DISTINCT timezone('UTC', moment)::date AS day
             FROM (VALUES (quarantined_moment(raw, 'time')), (quarantined_moment(raw, 'updateTime'))) AS times (moment)
            WHERE moment BETWEEN timestamptz '2019-09-08 00:00Z' AND seen_at + interval '1 day'
           ) AS sent ON true
     WHERE resolved_at IS NULL
"""
COVERAGE = """
    CREATE OR REPLACE VIEW report_coverage AS
    SELECT account, market, day,
           CASE {quarantined_day} WHEN proven @> whole THEN 'proven' WHEN shown && whole THEN 'partly'
                ELSE 'not' END AS coverage,
           CASE WHEN NOT proven @> whole {or_quarantined} THEN (
                SELECT string_agg(DISTINCT reason, ', ') FROM {reasons})
           END AS reasons,
           (SELECT count(*) FROM force_orders o
             WHERE o.account = days.account AND (o.market = days.market) IS TRUE
               AND o.order_time >= lower(whole) AND o.order_time < upper(whole)) AS orders
      FROM (SELECT account, market, day::date AS day, proven, shown, {quarantined}
                   tstzrange(timezone('UTC', day), timezone('UTC', day + interval '1 day')) AS whole
              FROM (SELECT account, market, min(least(asked_since, lower(coverage.proven))) AS since,
                           coalesce((array_agg(coverage.proven) FILTER (WHERE symbol = '*'))[1], '{{}}') AS proven,
                           {of_account}
                           coalesce(range_agg(piece), '{{}}') AS shown
                      FROM coverage LEFT JOIN LATERAL unnest(coverage.proven) AS piece ON true
                     GROUP BY account, market
                   ) AS accounts
             CROSS JOIN LATERAL (SELECT day FROM generate_series(
                       timezone('UTC', since)::date::timestamp, timezone('UTC', now()), interval '1 day') AS day
                     LIMIT (SELECT NULL::bigint)) AS series
           ) AS days
"""
GAPS = """coverage_gaps g
                 WHERE g.account = days.account AND g.market = days.market AND g.symbol = '*'
                   AND tstzrange(gap_start, gap_end) && whole"""
BEFORE = COVERAGE.format(quarantined_day="", or_quarantined="", reasons=GAPS, quarantined="", of_account="")
OR_QUARANTINED = """(
                SELECT reason FROM :gaps
                UNION ALL SELECT 'quarantined' WHERE quarantined @> day::date) AS why"""
OF_ACCOUNT = """coalesce((SELECT range_agg(daterange(first_day, last_day, '[]')) FROM quarantined_days q
                              WHERE (q.account, q.market) = (coverage.account, coverage.market)), '{}')
                               AS quarantined,"""
AFTER = COVERAGE.format(
    quarantined_day="WHEN proven @> whole AND quarantined @> day::date THEN 'quarantined'",
    or_quarantined="OR quarantined @> day::date",
    reasons=OR_QUARANTINED.replace(":gaps", GAPS),
    quarantined="quarantined,",
    of_account=OF_ACCOUNT,
)

COMMENTS_BEFORE = {
    "coverage": "proven: every instant of it, of every symbol; partly: some instants or symbols; not: none.",
    "reasons": "Why not all of it is proven, as in coverage_gaps; null where it is, where it lies after the "
    "newest proof, or where only symbols by name were asked for.",
}
COMMENTS_AFTER = {
    "coverage": "proven: every instant of it, of every symbol; quarantined: the same, but a row that could not be read "
    "may belong to it; partly: some instants or symbols; not: none.",
    "reasons": "Why not all of it is proven, as in coverage_gaps, and quarantined where a row that could not be read "
    "may belong to it; null where it is, where it lies after the newest proof, or where only symbols by name were "
    "asked for.",
}


def upgrade() -> None:
    op.execute(DECISIONS)
    op.execute("ALTER TABLE quarantined_orders ADD COLUMN decision_id bigint")
    for statement in (DISMISSED, FIELD, MOMENT, DAYS, AFTER):
        op.execute(statement)
    _comment(COMMENTS_AFTER)


def downgrade() -> None:
    op.execute(BEFORE)
    _comment(COMMENTS_BEFORE)
    op.execute("DROP VIEW quarantined_days")
    op.execute("DROP FUNCTION quarantined_moment")
    op.execute("DROP FUNCTION quarantined_field")
    op.execute("ALTER TABLE quarantined_orders DROP COLUMN decision_id")
    op.execute("DROP TABLE decisions")


def _comment(of_columns: dict[str, str]) -> None:
    for column, said in of_columns.items():
        op.execute(f"COMMENT ON COLUMN report_coverage.{column} IS '{said}'")
