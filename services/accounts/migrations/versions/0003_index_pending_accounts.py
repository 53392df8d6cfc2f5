"""Index what the timers look for: accounts that nobody confirmed, and joins that nobody answered.

Sign-ups wait while they are built: for less than a second, as accounts are a million at most. Built concurrently, they would wait
for every other migrator that stands in line, which waits for this one: PostgreSQL ends that by failing one of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pending, remembered = sa.text("pending_until IS NOT NULL"), sa.text("join_state = 'remembered'")
    op.create_index("ix_accounts_pending_until", "accounts", ["pending_until"], postgresql_where=pending)
    op.create_index("ix_accounts_remembered_join", "accounts", ["email_confirmed_at"], postgresql_where=remembered)


def downgrade() -> None:
    op.drop_index("ix_accounts_remembered_join", "accounts")
    op.drop_index("ix_accounts_pending_until", "accounts")
