"""Numbered tables: up, back, up; models equal the database."""

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from chassis import tables
from chassis.db import driver_url
from chassis.migrations import migrate
from services.organizations.models import Base


def differences(url, metadata=None):
    engine = sa.create_engine(driver_url(url), poolclass=sa.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        found = compare_metadata(context, metadata or [tables.metadata, Base.metadata])
    engine.dispose()
    return found


def table_names(url):
    engine = sa.create_engine(driver_url(url), poolclass=sa.NullPool)
    names = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    return names


class TestMigrations:
    def test_go_up_back_and_up_again(self, empty_database):
        url = empty_database("organizations")

        migrate("organizations", url)
        migrate("organizations", url, "base")
        assert table_names(url) == {"alembic_version"}
        migrate("organizations", url)

        assert {"organizations", "outbox", "deliveries"} <= table_names(url)

    def test_make_what_the_models_say(self, fresh_database):
        assert differences(fresh_database("organizations")) == []

    def test_would_be_seen_to_differ(self, fresh_database):
        assert len(differences(fresh_database("organizations"), metadata=[Base.metadata])) >= 4  # The chassis's tables.
