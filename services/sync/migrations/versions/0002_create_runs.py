"""Create runs, their files, views and findings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)
STATES = "'received', 'staged', 'sent', 'planned', 'applying', 'applied', 'refused'"


def upgrade() -> None:
    create_runs()
    create_files()
    create_findings()


def create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("is_dry", sa.Boolean, nullable=False),
        sa.Column("refusal", sa.Text),
        sa.Column("read_count", sa.Integer, nullable=False),
        sa.Column("reject_count", sa.Integer, nullable=False),
        sa.Column("remark_count", sa.Integer, nullable=False),
        sa.Column("batch_count", sa.Integer, nullable=False),
        sa.Column("sent_batch_count", sa.Integer, nullable=False),
        sa.Column("extracted_at", Instant),
        sa.Column("plan_version", sa.Integer),
        sa.Column("summary", JSONB),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("ended_at", Instant),
        sa.Column("cleared_at", Instant),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_runs_state")),
        sa.CheckConstraint(
            "(ended_at IS NOT NULL) = (state IN ('applied', 'refused') OR (state = 'planned' AND is_dry))",
            name=op.f("ck_runs_ended"),
        ),
        sa.CheckConstraint("(refusal IS NOT NULL) = (state = 'refused')", name=op.f("ck_runs_refusal")),
        sa.CheckConstraint("sent_batch_count <= batch_count", name=op.f("ck_runs_sent_batch_count")),
        sa.CheckConstraint("cleared_at IS NULL OR ended_at IS NOT NULL", name=op.f("ck_runs_cleared")),
    )
    op.create_index("ix_runs_open", "runs", ["opened_at", "run_id"], postgresql_where=sa.text("ended_at IS NULL"))
    uncleared = sa.text("ended_at IS NOT NULL AND cleared_at IS NULL")
    op.create_index("ix_runs_uncleared", "runs", ["run_id"], postgresql_where=uncleared)
    in_progress = sa.text("ended_at IS NULL AND state <> 'received'")
    op.create_index("uq_runs_in_progress", "runs", [sa.text("(ended_at IS NULL)")], unique=True, postgresql_where=in_progress)


def create_files() -> None:
    op.create_table(
        "run_files",
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("file_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "position", name="pk_run_files"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_run_files_run_id_runs", ondelete="CASCADE"),
    )
    op.create_index("ix_run_files_file_id", "run_files", ["file_id"])


def create_findings() -> None:
    op.create_table(
        "run_views",
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("extracted_at", Instant),
        sa.Column("record_count", sa.Integer, nullable=False),
        sa.Column("row_count", sa.Integer, nullable=False),
        sa.Column("reject_count", sa.Integer, nullable=False),
        sa.Column("remark_count", sa.Integer, nullable=False),
        sa.Column("has_fin", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "view", name="pk_run_views"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_run_views_run_id_runs", ondelete="CASCADE"),
    )
    op.create_table(
        "findings",
        sa.Column("run_id", sa.Uuid, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("level", sa.String(20), nullable=False),
        sa.Column("view", sa.Text, nullable=False),
        sa.Column("line_number", sa.Integer, nullable=False),
        sa.Column("column_name", sa.Text),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "position", name="pk_findings"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_findings_run_id_runs", ondelete="CASCADE"),
        sa.CheckConstraint("level IN ('reject', 'remark')", name=op.f("ck_findings_level")),
    )
    op.create_index("ix_findings_run_id_level", "findings", ["run_id", "level", "position"])


def downgrade() -> None:
    for table in ("findings", "run_views", "run_files", "runs"):
        op.drop_table(table)
