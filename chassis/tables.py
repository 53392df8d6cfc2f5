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
    sa.Column("failure_count", sa.Integer, nullable=False, server_default="0"),  # How often it could not be made a message.
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

PARKED_STATES = ("waiting", "alone", "dead")  # For the next attempt; to be run with no other; for an operator's decision.

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
    sa.Column("claimed_at", Instant),  # When the attempt began that has not ended yet, or never did.
    sa.CheckConstraint(f"state IN {PARKED_STATES}", name="state"),
    sa.UniqueConstraint("handler", "message_id"),
    sa.Index("ix_parked_due", "next_attempt_at", postgresql_where=sa.text("state = 'waiting'")),
)

applied_versions = sa.Table(
    "applied_versions",
    metadata,
    sa.Column("handler", sa.Text, primary_key=True),
    sa.Column("aggregate_id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("at", Instant, nullable=False, index=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("about", sa.Text, nullable=False),
    sa.Column("facts", JSONB, nullable=False),
    sa.Column("request_id", sa.Text),
)

# Written once, never changed: by whoever it is, but for what `chassis.purge` deletes after its time.
_APPEND_ONLY = """
CREATE OR REPLACE FUNCTION refuse_to_change_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('emplois.purging', true) = 'on' THEN RETURN OLD; END IF;
    RAISE EXCEPTION 'audit is append-only';
END $$;
CREATE TRIGGER refuse_to_change_audit BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_to_change_audit();
"""
sa.event.listen(audit, "after_create", sa.DDL(_APPEND_ONLY))
sa.event.listen(audit, "after_drop", sa.DDL("DROP FUNCTION IF EXISTS refuse_to_change_audit"))

idempotent_results = sa.Table(
    "idempotent_results",
    metadata,
    sa.Column("key_hash", BYTEA, primary_key=True),
    sa.Column("body_hash", BYTEA, nullable=False),
    sa.Column("result", JSONB),
    sa.Column("created_at", Instant, nullable=False, index=True),
)
