"""Bring the chassis's own tables to what they are now: states of one projection, audit, attempts that did not end."""

from alembic import op

from chassis.migrations import complete_chassis_tables

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    complete_chassis_tables(op)


def downgrade() -> None:
    """Nothing to undo: what was added harms no earlier release, and goes with the tables."""
