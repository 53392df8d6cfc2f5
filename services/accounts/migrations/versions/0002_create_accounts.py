"""Create the tables of accounts, their confirmations and their sessions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA, UUID

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)
KINDS = "'employer', 'prescriber', 'staff', 'job_seeker', 'labor_inspector'"


def upgrade() -> None:
    _create_accounts()
    _create_email_confirmations()
    _create_sessions()


def downgrade() -> None:
    op.drop_table("sessions")
    op.drop_table("email_confirmations")
    op.drop_table("accounts")


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", UUID(as_uuid=True), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("first_name", sa.Text, nullable=False),
        sa.Column("last_name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("terms_accepted_at", Instant),
        sa.Column("email_confirmed_at", Instant),
        sa.Column("pending_until", Instant),
        sa.Column("deactivated_at", Instant),
        sa.Column("invitation_id", UUID(as_uuid=True)),
        sa.Column("confirmation_issue", sa.Integer, nullable=False),
        sa.Column("join_state", sa.Text),
        sa.Column("join_organization_id", UUID(as_uuid=True)),
        sa.Column("join_magic_link_id", UUID(as_uuid=True)),
        sa.Column("join_refusal", sa.Text),
        sa.Column("last_mail_at", Instant),
        sa.Column("mail_count", sa.Integer, nullable=False),
        sa.Column("mails_counted_since", Instant),
        sa.PrimaryKeyConstraint("account_id", name="pk_accounts"),
        sa.UniqueConstraint("email_key", name="uq_accounts_email_key"),
        sa.UniqueConstraint("invitation_id", name="uq_accounts_invitation_id"),
        sa.CheckConstraint(f"kind IN ({KINDS})", name=op.f("ck_accounts_kind")),
        sa.CheckConstraint("(email_confirmed_at IS NULL) = (pending_until IS NOT NULL)", name=op.f("ck_accounts_pending")),
        sa.CheckConstraint("join_state IN ('remembered', 'joined', 'refused')", name=op.f("ck_accounts_join_state")),
        sa.CheckConstraint(
            "num_nulls(join_state, join_organization_id, join_magic_link_id) IN (0, 3)", name=op.f("ck_accounts_join")
        ),
        sa.CheckConstraint(
            "(join_refusal IS NOT NULL) = (coalesce(join_state, '') = 'refused')", name=op.f("ck_accounts_join_refusal")
        ),
        sa.CheckConstraint("num_nulls(last_mail_at, mails_counted_since) IN (0, 2)", name=op.f("ck_accounts_mails")),
    )


def _create_email_confirmations() -> None:
    op.create_table(
        "email_confirmations",
        sa.Column("confirmation_id", UUID(as_uuid=True), nullable=False),
        sa.Column("account_id", UUID(as_uuid=True), nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("issue", sa.Integer, nullable=False),
        sa.Column("token_hash", BYTEA, nullable=False),
        sa.Column("requested_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("used_at", Instant),
        sa.PrimaryKeyConstraint("confirmation_id", name="pk_email_confirmations"),
        sa.UniqueConstraint("token_hash", name="uq_email_confirmations_token_hash"),
        sa.UniqueConstraint("account_id", "issue", name="uq_email_confirmations_account_id_issue"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name="fk_email_confirmations_account_id_accounts", ondelete="CASCADE"
        ),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("session_id", UUID(as_uuid=True), nullable=False),
        sa.Column("account_id", UUID(as_uuid=True), nullable=False),
        sa.Column("token_hash", BYTEA, nullable=False),
        sa.Column("authenticated_at", Instant, nullable=False),
        sa.Column("last_seen_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.PrimaryKeyConstraint("session_id", name="pk_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_sessions_token_hash"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name="fk_sessions_account_id_accounts", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_sessions_account_id", "sessions", ["account_id"])
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
