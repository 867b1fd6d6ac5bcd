"""The tables of accounts: their markets, their keys, and what people decided about them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    LargeBinary,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from etl.store.schema.columns import metadata, moment, one_of

MARKET_STATES = ("read", "not_permitted", "absent", "unknown", "closed")

DECISIONS = ("retire", "resume", "forget", "dismiss", "reset", "vanished", "disputed")

account_markets = Table(
    "account_markets",
    metadata,
    Column("account", Text, primary_key=True),
    Column("market", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("exists", Boolean),  # null: nobody knows
    Column("source", Text, nullable=False),
    Column("reason", Text),
    moment("seen_at"),
    moment("since", required=False),
    moment("closed_at", required=False),
    one_of("state", MARKET_STATES),
    CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed"),
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
    one_of("kind", DECISIONS),
    CheckConstraint("why <> ''", name="why"),
)
