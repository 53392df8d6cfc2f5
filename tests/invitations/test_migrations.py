"""The numbered tables of invitations: up, back, up, and equal to the models."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from chassis import tables
from chassis.db import driver_url
from chassis.migrations import migrate
from services.invitations.models import Base


def differences(url):
    metadata = sa.MetaData(naming_convention=tables.NAMING)
    for part in (tables.metadata, Base.metadata):
        for table in part.tables.values():
            table.to_metadata(metadata)
    engine = sa.create_engine(driver_url(url), poolclass=sa.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": is_not_alembic})
        found = compare_metadata(context, metadata)
        names = {name for table in metadata.tables for name in check_names(connection, table)}
    engine.dispose()
    expected = {
        one.name for table in metadata.tables.values() for one in table.constraints if isinstance(one, sa.CheckConstraint)
    }
    return found, names ^ {str(name) for name in expected}


def is_not_alembic(name, kind, _parents):
    return not (kind == "table" and name == "alembic_version")


def check_names(connection, table):
    return [check["name"] for check in sa.inspect(connection).get_check_constraints(table)]


def test_go_up_back_and_up_again(empty_database):
    url = empty_database("invitations")

    for target in ("head", "base", "head"):
        migrate("invitations", url, target)

    assert differences(url) == ([], set())


def test_leave_nothing_behind(empty_database):
    url = empty_database("invitations")

    migrate("invitations", url)
    migrate("invitations", url, "base")

    engine = sa.create_engine(driver_url(url), poolclass=sa.NullPool)
    assert set(sa.inspect(engine).get_table_names()) <= {"alembic_version"}
    engine.dispose()


def test_differences_are_seen(empty_database):
    url = empty_database("invitations")
    migrate("invitations", url)
    engine = sa.create_engine(driver_url(url), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE invitations ADD COLUMN forgotten text, DROP CONSTRAINT ck_invitations_ended"))
    engine.dispose()

    found, checks = differences(url)

    assert [change[0] for change in found] == ["remove_column"]
    assert checks == {"ck_invitations_ended"}
