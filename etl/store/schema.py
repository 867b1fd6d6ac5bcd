"""The tables as the migrations create them; a test compares the two. SQL users rely on these names."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZMULTIRANGE, TSTZRANGE
from sqlalchemy.types import TypeEngine

from etl.core.orders import FIELDS, CloseType, FieldType, TimeSource

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

EVERY_SYMBOL = "*"
"""The value of the column `symbol` for requests without symbol."""

MARKET_STATES = ("read", "not_permitted", "absent", "unknown", "closed")

ORDER_SOURCES = ("api", "archive")

DECISIONS = ("retire", "resume", "forget", "dismiss", "reset", "vanished")

RUN_STATUSES = ("running", "succeeded", "incomplete", "failed", "banned", "stopped")

_TYPES: dict[FieldType, TypeEngine[Any]] = {
    FieldType.TEXT: Text(),
    FieldType.INTEGER: BigInteger(),
    FieldType.DECIMAL: Numeric(),
    FieldType.BOOLEAN: Boolean(),
}
_KEY = ("symbol", "order_id")
_OF_SOME_MARKETS = ("pair", "cum_base", "is_isolated")
"""Columns that came with the second market. They stand behind the others."""


def _moment(name: str, *, required: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=not required)


def _now(name: str, comment: str) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now(), comment=comment)


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _order_columns() -> list[Column[Any]]:
    """The columns of a force order, the exchange's fields first."""
    return [
        Column("account", Text, primary_key=True),
        Column("market", Text, primary_key=True),
        *(Column(field.column, _TYPES[field.type], primary_key=True) for field in FIELDS if field.column in _KEY),
        *(
            Column(field.column, _TYPES[field.type])
            for field in FIELDS
            if field.column not in (*_KEY, *_OF_SOME_MARKETS)
        ),
        Column("close_type", Text, nullable=False),
        _moment("order_time"),
        _moment("update_time"),
        Column("raw", JSONB, nullable=False),
        _moment("first_seen_at"),
        _moment("changed_at"),
        Column("first_run_id", BigInteger, nullable=False),
        Column("last_run_id", BigInteger, nullable=False),
    ]


def _later_order_columns() -> list[Column[Any]]:
    """The columns of a force order that came later, behind all others of the table."""
    return [
        *(Column(field.column, _TYPES[field.type]) for field in FIELDS if field.column in _OF_SOME_MARKETS),
        Column("source", Text, nullable=False, server_default="api"),
        Column("order_time_source", Text, nullable=False, server_default="time"),
    ]


force_orders = Table(
    "force_orders",
    metadata,
    *_order_columns(),
    *_later_order_columns(),
    _one_of("close_type", tuple(CloseType)),
    _one_of("source", ORDER_SOURCES),
    _one_of("order_time_source", tuple(TimeSource)),
    Index(None, "account", "order_time"),
)

order_counts = Table(
    "order_counts",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("close_type", Text, primary_key=True),
    Column("orders", BigInteger, nullable=False),
    CheckConstraint("orders >= 0", name="orders"),
)

force_order_revisions = Table(
    "force_order_revisions",
    metadata,
    *_order_columns(),
    _moment("valid_from"),
    Column("valid_until", DateTime(timezone=True), primary_key=True),
    *_later_order_columns(),
)


def _known_of_a_scope() -> list[Column[Any]]:
    sets = ("proven", "saturated", "beyond_retention", "failed", "disputed")
    return [
        _moment("asked_since", required=False),
        *(Column(name, TSTZMULTIRANGE, nullable=False, server_default="{}") for name in sets),
    ]


coverage = Table(
    "coverage",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    *_known_of_a_scope(),
)

capital_flows = Table(
    "capital_flows",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("id", BigInteger, primary_key=True),
    Column("tran_id", BigInteger),
    _moment("time"),
    Column("asset", Text, nullable=False),
    Column("symbol", Text),
    Column("type", Text, nullable=False),
    Column("amount", Numeric, nullable=False),
    Column("raw", JSONB, nullable=False),
    Column("first_seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("first_run_id", BigInteger, nullable=False),
    CheckConstraint("type LIKE '%LIQUIDATION%'", name="type"),
    Index(None, "account", "time"),
)

capital_flow_coverage = Table(
    "capital_flow_coverage",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    *_known_of_a_scope(),
)

account_markets = Table(
    "account_markets",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("exists", Boolean),  # null: nobody knows
    Column("source", Text, nullable=False),
    Column("reason", Text),
    _moment("seen_at"),
    _moment("since", required=False),
    _moment("closed_at", required=False),
    _one_of("state", MARKET_STATES),
    CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed"),
)

instruments = Table(
    "instruments",
    metadata,
    Column("market", Text, primary_key=True),
    Column("symbol", Text, primary_key=True),
    *(Column(name, Text) for name in ("base_asset", "quote_asset", "margin_asset", "pair", "contract_type")),
    Column("contract_size", Numeric),
    _moment("delivery_at", required=False),
    Column("status", Text),
    _moment("first_seen_at"),
    _moment("changed_at"),
    _moment("seen_at"),
    Column("is_listed", Boolean, nullable=False),
    CheckConstraint("contract_size > 0", name="contract_size"),
)

identities = Table(
    "identities",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("key_salt", LargeBinary, nullable=False),
    Column("key_fingerprint", LargeBinary, nullable=False),
    Column("is_checked", Boolean, nullable=False),
    Column("confirmed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("octet_length(key_salt) = 16", name="key_salt"),
    CheckConstraint("octet_length(key_fingerprint) = 16", name="key_fingerprint"),
)

_RUN_COUNTS = (
    *("requests", "weight", "rows_received", "inserted"),
    *("updated", "unchanged", "quarantined", "largest_page"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("command", Text, nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    _moment("finished_at", required=False),
    Column("status", Text, nullable=False),
    *(Column(name, BigInteger, nullable=False, server_default="0") for name in _RUN_COUNTS),
    Column("error", Text),
    Column("job_id", BigInteger),
    Column("worker", Text),
    _one_of("status", RUN_STATUSES),
    CheckConstraint("(status = 'running') = (finished_at IS NULL)", name="finished"),
    Index(None, "job_id"),
    Index(None, "started_at"),
    Index("runs_running_idx", "id", postgresql_where=text("status = 'running'")),
)

run_days = Table(
    "run_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("command", Text, primary_key=True),
    Column("status", Text, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in ("runs", *_RUN_COUNTS)),
    _moment("last_finished_at"),
    Column("first_run_id", BigInteger, nullable=False),
    Column("last_run_id", BigInteger, nullable=False),
    _moment("removed_at", required=False),
    CheckConstraint("runs > 0 AND first_run_id <= last_run_id", name="runs"),
)

quarantined_orders = Table(
    "quarantined_orders",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("account", Text, nullable=False),
    Column("market", Text, nullable=False),
    Column("raw", JSONB, nullable=False),  # a JSON string where the row is no JSON
    Column("reason", Text, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    _moment("resolved_at", required=False),
    Column("decision_id", BigInteger),  # of the decision that dismissed it
    Index(
        "quarantined_orders_dismissed_idx",
        "account",
        "market",
        text("md5(raw::text)"),
        postgresql_where=text("decision_id IS NOT NULL"),
    ),
    Index(
        "quarantined_orders_unresolved_key",
        "account",
        "market",
        text("md5(raw::text)"),
        unique=True,
        postgresql_where=text("resolved_at IS NULL"),
    ),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("decided_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("decided_by", Text, nullable=False, server_default=text("SESSION_USER")),
    Column("kind", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("market", Text),  # null: every market
    Column("details", JSONB, nullable=False, server_default="{}"),
    Column("why", Text, nullable=False),
    _one_of("kind", DECISIONS),
    CheckConstraint("why <> ''", name="why"),
)

verifications = Table(
    "verifications",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", BigInteger, nullable=False),
    *(Column(name, Text, nullable=False) for name in ("account", "market", "symbol")),
    Column("verified_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("span", TSTZRANGE, nullable=False),
    Column("compared", TSTZMULTIRANGE, nullable=False),
    Column("unread", TSTZMULTIRANGE, nullable=False),
    Column("unread_reason", Text),
    *(
        Column(name, BigInteger, nullable=False)
        for name in ("orders_compared", "missing", "different", "extra", "forgotten", "repaired")
    ),
    Column("differences", JSONB, nullable=False),
    Column("is_sample", Boolean, nullable=False),
    CheckConstraint("repaired <= missing + different", name="repaired"),
    CheckConstraint("isempty(unread) = (unread_reason IS NULL) AND NOT unread && compared", name="unread"),
    Index("verifications_run_idx", "run_id", "account", "market", "symbol", unique=True),
    Index("verifications_scope_idx", "account", "market", "symbol", "id"),
)

probe_results = Table(
    "probe_results",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("run_id", BigInteger, nullable=False, comment="The run of the command probe that asked."),
    Column("account", Text, nullable=False, comment="Name of the account in the settings."),
    Column("market", Text, nullable=False, comment="The market whose endpoint was asked."),
    Column("host", Text, nullable=False, comment="The host that answered."),
    _now("probed_at", "When the answers were stored."),
    Column("question", Text, nullable=False, comment="What the documentation of the exchange leaves open."),
    Column("answer", Text, nullable=False, comment="What the exchange does, or: not settled, does not apply."),
    Column("is_settled", Boolean, nullable=False, comment="Whether the answer is one."),
    Column("evidence", Text, nullable=False, comment="What the answer rests on, or why there is none."),
    Column("program_version", Text, nullable=False, comment="The version of the program that asked."),
    CheckConstraint("is_settled = (answer NOT IN ('not settled', 'does not apply'))", name="is_settled"),
    CheckConstraint("question <> '' AND answer <> '' AND evidence <> ''", name="words"),
    Index("probe_results_question_idx", "account", "market", "question", "id"),
    comment="What force-orders probe found out about the exchange. Of an account, a market and a question the newest "
    "row counts. Nothing else in the program reads it, and no proof rests on it.",
)

cooldowns = Table(
    "cooldowns",
    metadata,
    Column("egress", Text, primary_key=True),
    _moment("until"),
    Column("reason", Text, nullable=False),
)

weight_limits = Table(
    "weight_limits",
    metadata,
    Column("host", Text, primary_key=True),
    Column("per_minute", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    _moment("seen_at"),
    CheckConstraint("per_minute > 0", name="per_minute"),
    _one_of("source", ("exchangeInfo", "429")),
)

backups = Table(
    "backups",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    _moment("made_at"),
    Column("file", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("orders", BigInteger, nullable=False),
    Column("newest_seal", Text),
    _moment("verified_at", required=False),
    CheckConstraint("bytes > 0 AND orders >= 0", name="counts"),
)

spent_weight = Table(
    "spent_weight",
    metadata,
    Column("egress", Text, primary_key=True),
    Column("minute", DateTime(timezone=True), primary_key=True),
    Column("holder", Integer, primary_key=True),
    Column("weight", BigInteger, nullable=False),
    Column("late", BigInteger, nullable=False),
    Column("noted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("late BETWEEN 0 AND weight", name="late"),
)

seals = Table(
    "seals",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("day", Date, nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("orders", BigInteger, nullable=False),
    *(Column(name, Text, nullable=name == "replaces") for name in ("content", "previous", "replaces", "digest")),
    Column("run_id", BigInteger, nullable=False),
    Column("sealed_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("orders >= 0", name="orders"),
    Index("seals_account_market_previous_key", "account", "market", "previous", unique=True),
)

newest_seals = Table(
    "newest_seals",
    metadata,
    *(Column(name, Text, primary_key=True) for name in ("account", "market")),
    Column("digest", Text, nullable=False),
)
