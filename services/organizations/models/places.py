"""Reference data: towns, and jobs as ROME names them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from services.organizations.models.columns import Base, Cube

EARTH_RADIUS = 6371008.8  # Metres.
# A point in space: the straight distance between two of them gives the distance on the ground.
POSITION = (
    f"cube(ARRAY[({EARTH_RADIUS} * cos(radians(latitude))) * cos(radians(longitude)), "
    f"({EARTH_RADIUS} * cos(radians(latitude))) * sin(radians(longitude)), "
    f"{EARTH_RADIUS} * sin(radians(latitude))])"
)


class Town(Base):
    """A French commune."""

    __tablename__ = "towns"
    __table_args__ = (sa.Index("ix_towns_pos", "pos", postgresql_using="gist"),)

    insee_code: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
    post_codes: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))
    department: Mapped[str] = mapped_column(sa.Text)
    region: Mapped[str] = mapped_column(sa.Text)
    latitude: Mapped[float]
    longitude: Mapped[float]
    population: Mapped[int | None]
    pos: Mapped[str] = mapped_column(Cube, sa.Computed(POSITION, persisted=True))


class Appellation(Base):
    """A job's usual name, and the ROME job it belongs to. None is ever deleted: job descriptions refer to it."""

    __tablename__ = "appellations"
    __table_args__ = (sa.Index("ix_appellations_rome_code", "rome_code"),)

    appellation_code: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    name: Mapped[str] = mapped_column(sa.Text)
    rome_code: Mapped[str] = mapped_column(sa.Text)
    rome_name: Mapped[str] = mapped_column(sa.Text)
