"""Create the rows that wait to be sent to organizations."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXTS = (
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


def upgrade() -> None:
    create_staged(
        "staged_structures",
        ("asp_id",),
        sa.Column("asp_id", sa.BigInteger, nullable=False),
        sa.Column("auth_email", sa.Text),
        *(sa.Column(name, sa.Text, nullable=False) for name in TEXTS),
    )
    create_staged(
        "staged_annexes",
        ("number",),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("asp_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("starts_on", sa.Date, nullable=False),
        sa.Column("ends_on", sa.Date, nullable=False),
    )
    create_staged(
        "staged_unknown_keys",
        ("asp_id", "kind"),
        sa.Column("asp_id", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
    )


def create_staged(name: str, key: tuple[str, ...], *columns: sa.Column) -> None:
    op.create_table(
        name,
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("batch_number", sa.Integer, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("run_id", *key, name=f"pk_{name}"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=f"fk_{name}_run_id_runs", ondelete="CASCADE"),
    )
    op.create_index(f"ix_{name}_run_id_batch_number", name, ["run_id", "batch_number"])


def downgrade() -> None:
    for table in ("staged_unknown_keys", "staged_annexes", "staged_structures"):
        op.drop_table(table)
