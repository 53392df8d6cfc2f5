"""The tables: up, back, up; and the models say what the database holds."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from chassis import tables
from chassis.db import driver_url
from chassis.migrations import migrate
from services.notifications.models import Base


def table_names(url):
    engine = sa.create_engine(driver_url(url), poolclass=sa.NullPool)
    return set(sa.inspect(engine).get_table_names())


def test_go_up_and_back_and_up(empty_database):
    url = empty_database("notifications")
    migrate("notifications", url)
    assert "mails" in table_names(url)
    migrate("notifications", url, "base")
    assert table_names(url) <= {"alembic_version"}
    migrate("notifications", url)
    assert "mails" in table_names(url)


def test_make_what_the_models_say(fresh_database):
    engine = sa.create_engine(driver_url(fresh_database("notifications")), poolclass=sa.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, [Base.metadata, tables.metadata]) == []


def test_name_every_constraint_as_the_models_do(fresh_database):
    engine = sa.create_engine(driver_url(fresh_database("notifications")), poolclass=sa.NullPool)
    declared = {constraint.name for constraint in Base.metadata.tables["mails"].constraints}
    found = sa.inspect(engine)
    names = {found.get_pk_constraint("mails")["name"]}
    names |= {one["name"] for one in found.get_unique_constraints("mails") + found.get_check_constraints("mails")}
    assert names == declared
