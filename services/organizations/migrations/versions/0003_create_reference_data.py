"""Create towns, with their point in space, and jobs. The extensions are trusted: no superuser is needed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

EXTENSIONS = ("cube", "pg_trgm", "unaccent")
# Metres from the centre of the earth; the straight distance between two points gives the distance on the ground.
POSITION = """
    ALTER TABLE towns ADD COLUMN pos cube NOT NULL GENERATED ALWAYS AS (cube(ARRAY[
        (6371008.8 * cos(radians(latitude))) * cos(radians(longitude)),
        (6371008.8 * cos(radians(latitude))) * sin(radians(longitude)),
        6371008.8 * sin(radians(latitude))
    ])) STORED
"""


def upgrade() -> None:
    for extension in EXTENSIONS:
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    op.create_table(
        "towns",
        sa.Column("insee_code", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("post_codes", ARRAY(sa.Text), nullable=False),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("latitude", sa.Float, nullable=False),
        sa.Column("longitude", sa.Float, nullable=False),
        sa.Column("population", sa.Integer),
        sa.PrimaryKeyConstraint("insee_code", name="pk_towns"),
    )
    op.execute(POSITION)
    op.create_index("ix_towns_pos", "towns", ["pos"], postgresql_using="gist")
    op.create_table(
        "appellations",
        sa.Column("appellation_code", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("rome_code", sa.Text, nullable=False),
        sa.Column("rome_name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("appellation_code", name="pk_appellations"),
    )
    op.create_index("ix_appellations_rome_code", "appellations", ["rome_code"])


def downgrade() -> None:
    op.drop_table("appellations")
    op.drop_table("towns")
    for extension in reversed(EXTENSIONS):
        op.execute(f"DROP EXTENSION IF EXISTS {extension}")
