"""Create structures, their conventions and annexes, their members and magic links."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA, UUID

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Id = UUID(as_uuid=True)
Instant = sa.DateTime(timezone=True)
Code = sa.String(20)
SIAE = "'ACI', 'AI', 'EI', 'EITI', 'ETTI'"
KINDS = "'EI', 'AI', 'ACI', 'ETTI', 'EITI', 'GEIQ', 'EA', 'EATT'"
SOURCES = "'ASP', 'GEIQ', 'EA_EATT', 'USER_CREATED', 'STAFF_CREATED'"
STATES = "'BROUILLON', 'SAISI', 'REJETE', 'PROVISOIRE', 'VALIDE', 'HISTORISE', 'ANNULE', 'CLOTURE'"


def upgrade() -> None:
    create_conventions()
    create_organizations()
    create_members()


def create_conventions() -> None:
    op.create_table(
        "conventions",
        sa.Column("convention_id", Id, nullable=False),
        sa.Column("asp_id", sa.BigInteger, nullable=False),
        sa.Column("kind", Code, nullable=False),
        sa.Column("siret_signature", sa.Text, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("deactivated_at", Instant),
        sa.Column("reactivated_by_account_id", Id),
        sa.Column("reactivated_at", Instant),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("convention_id", name="pk_conventions"),
        sa.UniqueConstraint("asp_id", "kind", name="uq_conventions_asp_id_kind"),
        sa.CheckConstraint(f"kind IN ({SIAE})", name=op.f("ck_conventions_kind")),
        sa.CheckConstraint("is_active OR deactivated_at IS NOT NULL", name=op.f("ck_conventions_deactivated")),
        sa.CheckConstraint(
            "(reactivated_by_account_id IS NULL) = (reactivated_at IS NULL)", name=op.f("ck_conventions_reactivated")
        ),
    )
    op.create_table(
        "annexes",
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("convention_id", Id, nullable=False),
        sa.Column("state", Code, nullable=False),
        sa.Column("starts_on", sa.Date, nullable=False),
        sa.Column("ends_on", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_annexes"),
        sa.ForeignKeyConstraint(
            ["convention_id"], ["conventions.convention_id"], name="fk_annexes_convention_id_conventions", ondelete="CASCADE"
        ),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_annexes_state")),
    )
    op.create_index("ix_annexes_convention_id", "annexes", ["convention_id"])


def create_organizations() -> None:
    texts = ("brand", "naf", "phone", "email", "address_line_1", "address_line_2", "post_code", "city", "department")
    op.create_table(
        "organizations",
        sa.Column("organization_id", Id, nullable=False),
        sa.Column("public_id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("siret", sa.Text, nullable=False),
        sa.Column("kind", Code, nullable=False),
        sa.Column("source", Code, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        *[sa.Column(name, sa.Text, nullable=False, server_default="") for name in texts],
        sa.Column("auth_email", sa.Text),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sa.Column("geocoding_score", sa.Float),
        sa.Column("parent_id", Id),
        sa.Column("asp_id", sa.BigInteger),
        sa.Column("convention_id", Id),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("organization_id", name="pk_organizations"),
        sa.UniqueConstraint("public_id", name="uq_organizations_public_id"),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["organizations.organization_id"], name="fk_organizations_parent_id_organizations"
        ),
        sa.ForeignKeyConstraint(
            ["convention_id"], ["conventions.convention_id"], name="fk_organizations_convention_id_conventions"
        ),
        sa.CheckConstraint(f"kind IN ({KINDS})", name=op.f("ck_organizations_kind")),
        sa.CheckConstraint(f"source IN ({SOURCES})", name=op.f("ck_organizations_source")),
        sa.CheckConstraint("siret ~ '^[0-9]{14}$'", name=op.f("ck_organizations_siret")),
        sa.CheckConstraint("parent_id <> organization_id", name=op.f("ck_organizations_parent")),
    )
    unique_among("uq_organizations_mothers_siret_kind", ["siret", "kind"], "parent_id IS NULL")
    unique_among("uq_organizations_mothers_asp_id_kind", ["asp_id", "kind"], "parent_id IS NULL")
    unique_among("uq_organizations_antennas_parent_id_name", ["parent_id", "name"], "parent_id IS NOT NULL")
    op.create_index("ix_organizations_siret", "organizations", ["siret"])
    op.create_index("ix_organizations_convention_id", "organizations", ["convention_id"])


def unique_among(name: str, columns: list[str], which: str) -> None:
    op.create_index(name, "organizations", columns, unique=True, postgresql_where=sa.text(which))


def create_members() -> None:
    op.create_table(
        "memberships",
        sa.Column("membership_id", Id, nullable=False),
        sa.Column("organization_id", Id, nullable=False),
        sa.Column("account_id", Id, nullable=False),
        sa.Column("role", Code, nullable=False),
        sa.Column("invitation_id", Id),
        sa.Column("joined_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("updated_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("membership_id", name="pk_memberships"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name="fk_memberships_organization_id_organizations"
        ),
        sa.UniqueConstraint("invitation_id", name="uq_memberships_invitation_id"),
        sa.CheckConstraint("role IN ('member', 'administrator')", name=op.f("ck_memberships_role")),
        sa.CheckConstraint("ended_at >= joined_at", name=op.f("ck_memberships_ended")),
    )
    op.create_index(
        "uq_memberships_active_organization_id_account_id",
        "memberships",
        ["organization_id", "account_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_memberships_organization_id", "memberships", ["organization_id", "joined_at", "membership_id"])
    op.create_index("ix_memberships_account_id", "memberships", ["account_id"])
    op.create_table(
        "magic_links",
        sa.Column("magic_link_id", Id, nullable=False),
        sa.Column("organization_id", Id, nullable=False),
        sa.Column("issue", sa.Integer, nullable=False),
        sa.Column("token_hash", BYTEA, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("closed_at", Instant),
        sa.PrimaryKeyConstraint("magic_link_id", name="pk_magic_links"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.organization_id"], name="fk_magic_links_organization_id_organizations"
        ),
        sa.UniqueConstraint("token_hash", name="uq_magic_links_token_hash"),
        sa.UniqueConstraint("organization_id", "issue", name="uq_magic_links_organization_id_issue"),
    )


def downgrade() -> None:
    for table in ("magic_links", "memberships", "organizations", "annexes", "conventions"):
        op.drop_table(table)
