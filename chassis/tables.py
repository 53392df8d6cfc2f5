"""The chassis's own tables, the same in every service's database."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB, UUID

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = sa.MetaData(naming_convention=NAMING)
Instant = sa.DateTime(timezone=True)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("message_id", UUID(as_uuid=True), nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("aggregate_id", sa.Text, nullable=False),
    sa.Column("aggregate_version", sa.BigInteger),
    sa.Column("payload", JSONB, nullable=False),
    sa.Column("request_id", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("published_at", Instant),
    sa.UniqueConstraint("message_id"),
    sa.Index("ix_outbox_unpublished", "id", postgresql_where=sa.text("published_at IS NULL")),
    sa.Index("ix_outbox_unpublished_aggregate", "aggregate_id", "id", postgresql_where=sa.text("published_at IS NULL")),
    sa.Index("ix_outbox_published_at", "published_at", postgresql_where=sa.text("published_at IS NOT NULL")),
)

inbox = sa.Table(
    "inbox",
    metadata,
    sa.Column("handler", sa.Text, primary_key=True),
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("handled_at", Instant, nullable=False, index=True),
)

PARKED_STATES = ("waiting", "dead")  # For their next attempt; for an operator's decision.

parked = sa.Table(
    "parked",
    metadata,
    sa.Column("parked_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("handler", sa.Text, nullable=False),
    sa.Column("message_id", sa.Text, nullable=False),  # Of a message without one, its body's hash.
    sa.Column("event", sa.Text),
    sa.Column("headers", JSONB, nullable=False),
    sa.Column("content_type", sa.Text),
    sa.Column("body", BYTEA, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("attempt_count", sa.Integer, nullable=False),
    sa.Column("first_seen_at", Instant, nullable=False),
    sa.Column("next_attempt_at", Instant),
    sa.CheckConstraint(f"state IN {PARKED_STATES}", name="state"),
    sa.UniqueConstraint("handler", "message_id"),
    sa.Index("ix_parked_due", "next_attempt_at", postgresql_where=sa.text("state = 'waiting'")),
)

idempotent_results = sa.Table(
    "idempotent_results",
    metadata,
    sa.Column("key_hash", BYTEA, primary_key=True),
    sa.Column("body_hash", BYTEA, nullable=False),
    sa.Column("result", JSONB),
    sa.Column("created_at", Instant, nullable=False, index=True),
)
