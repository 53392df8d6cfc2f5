"""Create deliveries and what sync sends of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

Id = UUID(as_uuid=True)
Instant = sa.DateTime(timezone=True)
Code = sa.String(20)


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("run_id", Id, nullable=False),
        sa.Column("state", Code, nullable=False),
        sa.Column("plan_version", sa.Integer, nullable=False, server_default="0"),
        sa.Column("planned_against", sa.Text),
        sa.Column("summary", JSONB),
        sa.Column("extracted_at", Instant),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("applied_at", Instant),
        sa.PrimaryKeyConstraint("run_id", name="pk_deliveries"),
        sa.CheckConstraint("state IN ('receiving', 'planned', 'applying', 'applied')", name=op.f("ck_deliveries_state")),
        sa.CheckConstraint("state = 'receiving' OR summary IS NOT NULL", name=op.f("ck_deliveries_planned")),
        sa.CheckConstraint("(applied_at IS NOT NULL) = (state = 'applied')", name=op.f("ck_deliveries_applied")),
    )
    create_part("delivery_batches", ("number",), sa.Column("number", sa.Integer, nullable=False))
    create_incoming()


def create_incoming() -> None:
    texts = (
        "siret",
        "siret_signature",
        "name",
        "naf",
        "phone",
        "address_line_1",
        "address_line_2",
        "post_code",
        "city",
        "department",
    )
    create_part(
        "incoming_structures",
        ("asp_id",),
        sa.Column("asp_id", sa.BigInteger, nullable=False),
        *[sa.Column(name, sa.Text, nullable=False) for name in texts],
        sa.Column("auth_email", sa.Text),
    )
    create_part(
        "incoming_annexes",
        ("number",),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("asp_id", sa.BigInteger, nullable=False),
        sa.Column("kind", Code, nullable=False),
        sa.Column("state", Code, nullable=False),
        sa.Column("starts_on", sa.Date, nullable=False),
        sa.Column("ends_on", sa.Date, nullable=False),
    )
    create_part(
        "incoming_unknown_keys",
        ("asp_id", "kind"),
        sa.Column("asp_id", sa.BigInteger, nullable=False),
        sa.Column("kind", Code, nullable=False),
    )


def create_part(table: str, key: tuple[str, ...], *columns: sa.Column) -> None:
    """One table of a delivery's parts, by run and key."""
    op.create_table(
        table,
        sa.Column("run_id", Id, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("run_id", *key, name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["run_id"], ["deliveries.run_id"], name=f"fk_{table}_run_id_deliveries", ondelete="CASCADE"),
    )


def downgrade() -> None:
    for table in ("incoming_unknown_keys", "incoming_annexes", "incoming_structures", "delivery_batches", "deliveries"):
        op.drop_table(table)
