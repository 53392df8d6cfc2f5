"""Numbered tables: up, back, up; models equal the database."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from chassis import tables
from chassis.db import driver_url
from chassis.migrations import migrate
from services.accounts.models import Base


def test_go_up_and_back(empty_database):
    url = empty_database("accounts")
    for target in ("head", "base", "head"):
        migrate("accounts", url, target)
    migrate("accounts", url, "base")
    assert _tables(url) <= {"alembic_version"}


def test_models_equal_the_database(fresh_database):
    assert _differences(fresh_database("accounts")) == []


def test_a_difference_is_found(fresh_database):
    """The negative control."""
    url = fresh_database("accounts")
    with sa.create_engine(driver_url(url), poolclass=sa.NullPool).begin() as connection:
        connection.execute(sa.text("ALTER TABLE sessions DROP COLUMN ended_at"))
    assert len(_differences(url)) == 1


def _tables(url):
    with sa.create_engine(driver_url(url), poolclass=sa.NullPool).connect() as connection:
        return set(sa.inspect(connection).get_table_names())


def _differences(url):
    with sa.create_engine(driver_url(url), poolclass=sa.NullPool).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, [Base.metadata, tables.metadata])
