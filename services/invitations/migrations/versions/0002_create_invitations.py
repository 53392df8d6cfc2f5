"""Create invitations and their links."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA, UUID

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)
CHECKS = {
    "state": "state IN ('pending', 'accepting', 'accepted', 'cancelled', 'declined', 'replaced', 'refused')",
    "account": "(account_id IS NOT NULL) = (state IN ('accepting', 'accepted', 'refused'))",
    "begun": "(account_id IS NULL) = (begun_at IS NULL)",
    "ended": "(ended_at IS NULL) = (state IN ('pending', 'accepting'))",
    "refusal": "(refusal IS NOT NULL) = (state = 'refused')",
}


def upgrade() -> None:
    op.create_table(
        "invitations",
        sa.Column("invitation_id", UUID(as_uuid=True), nullable=False),
        sa.Column("organization_id", UUID(as_uuid=True), nullable=False),
        sa.Column("organization_name", sa.Text, nullable=False),
        sa.Column("account_kind", sa.String(16), nullable=False),
        sa.Column("sender_account_id", UUID(as_uuid=True), nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("first_name", sa.Text, nullable=False),
        sa.Column("last_name", sa.Text, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("issue", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sent_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("account_id", UUID(as_uuid=True)),
        sa.Column("begun_at", Instant),
        sa.Column("ended_at", Instant),
        sa.Column("refusal", sa.Text),
        sa.PrimaryKeyConstraint("invitation_id", name="pk_invitations"),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_invitations_{name}")) for name, rule in CHECKS.items()),
    )
    pending, accepting = sa.text("state = 'pending'"), sa.text("state = 'accepting'")
    receiver = ["organization_id", "email_key"]
    op.create_index("uq_invitations_pending", "invitations", receiver, unique=True, postgresql_where=pending)
    op.create_index("ix_invitations_organization_id_sent_at", "invitations", ["organization_id", "sent_at"])
    op.create_index("ix_invitations_accepting", "invitations", ["begun_at"], postgresql_where=accepting)
    op.create_table(
        "invitation_links",
        sa.Column("token_hash", BYTEA, nullable=False),
        sa.Column("invitation_id", UUID(as_uuid=True), nullable=False),
        sa.Column("issue", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_invitation_links"),
        sa.ForeignKeyConstraint(
            ["invitation_id"], ["invitations.invitation_id"], name="fk_invitation_links_invitation_id_invitations"
        ),
    )
    op.create_index("ix_invitation_links_invitation_id", "invitation_links", ["invitation_id"])


def downgrade() -> None:
    op.drop_table("invitation_links")
    op.drop_table("invitations")
