"""Kinds of columns that several tables share."""

from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.orm import DeclarativeBase

from chassis.tables import NAMING


class Base(DeclarativeBase):
    """Tables of organizations."""

    metadata = sa.MetaData(naming_convention=NAMING)


class Cube(sa.types.UserDefinedType[str]):
    """A point of PostgreSQL's `cube` extension."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "cube"


PGDialect.ischema_names["cube"] = Cube  # So that reflection knows it.


def code(values: type[Enum]) -> sa.Enum:
    """An enumeration by its codes, as text; the table's check constraint says which."""
    return sa.Enum(values, native_enum=False, create_constraint=False, length=20, values_callable=codes)


def codes(values: type[Enum]) -> list[str]:
    return [value.value for value in values]


def check_code(column: str, values: Any) -> sa.CheckConstraint:
    """The column holds one of these codes."""
    listed = ", ".join(f"'{value.value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)
