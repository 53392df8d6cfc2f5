"""The tables: up, back, up; and the models say what the database holds."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from chassis import tables
from chassis.db import driver_url
from chassis.migrations import migrate
from services.sync.models import Base

NAMES = set(Base.metadata.tables)


def engine_of(url):
    return sa.create_engine(driver_url(url), poolclass=sa.NullPool)


def table_names(url):
    return set(sa.inspect(engine_of(url)).get_table_names())


def test_go_up_and_back_and_up(empty_database):
    url = empty_database("sync")
    migrate("sync", url)
    assert table_names(url) > NAMES
    migrate("sync", url, "base")
    assert table_names(url) <= {"alembic_version"}
    migrate("sync", url)
    assert table_names(url) > NAMES


def test_make_what_the_models_say(fresh_database):
    with engine_of(fresh_database("sync")).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, [Base.metadata, tables.metadata]) == []


def test_name_every_constraint_and_index_as_the_models_do(fresh_database):
    found = sa.inspect(engine_of(fresh_database("sync")))
    for table in Base.metadata.tables.values():
        names = {found.get_pk_constraint(table.name)["name"]}
        names |= {one["name"] for one in found.get_check_constraints(table.name) + found.get_foreign_keys(table.name)}
        assert names == {constraint.name for constraint in table.constraints}
        assert {one["name"] for one in found.get_indexes(table.name)} == {index.name for index in table.indexes}
