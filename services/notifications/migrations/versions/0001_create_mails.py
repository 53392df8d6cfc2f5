"""Create the table of mails, and the chassis's own tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

from chassis.migrations import create_chassis_tables, drop_chassis_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)
ENDED = "'sent', 'failed', 'cancelled'"


def upgrade() -> None:
    create_chassis_tables(op)
    op.create_table(
        "mails",
        sa.Column("mail_id", UUID(as_uuid=True), nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("variables", JSONB, nullable=False),
        sa.Column("recipient_account_id", UUID(as_uuid=True)),
        sa.Column("link_purpose", sa.Text),
        sa.Column("link_row_id", UUID(as_uuid=True)),
        sa.Column("link_issue", sa.Integer),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt_count", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", Instant),
        sa.Column("reason", sa.Text),
        sa.Column("queued_at", Instant, nullable=False),
        sa.Column("sent_at", Instant),
        sa.PrimaryKeyConstraint("mail_id", name="pk_mails"),
        sa.UniqueConstraint(
            "cause",
            "template",
            "recipient_account_id",
            name="uq_mails_cause_template_recipient_account_id",
            postgresql_nulls_not_distinct=True,
        ),
        sa.CheckConstraint(f"state IN ('queued', 'sending', {ENDED})", name=op.f("ck_mails_state")),
        sa.CheckConstraint("num_nulls(link_purpose, link_row_id, link_issue) IN (0, 3)", name=op.f("ck_mails_link")),
        sa.CheckConstraint("recipient_account_id IS NOT NULL OR link_purpose IS NOT NULL", name=op.f("ck_mails_recipient")),
        sa.CheckConstraint(f"(next_attempt_at IS NULL) = (state IN ({ENDED}))", name=op.f("ck_mails_next_attempt")),
        sa.CheckConstraint("(sent_at IS NOT NULL) = (state = 'sent')", name=op.f("ck_mails_sent")),
    )
    due = sa.text("next_attempt_at IS NOT NULL")
    op.create_index("ix_mails_due", "mails", ["next_attempt_at"], postgresql_where=due)
    op.create_index("ix_mails_queued_at", "mails", ["queued_at"])


def downgrade() -> None:
    op.drop_table("mails")
    drop_chassis_tables(op)
