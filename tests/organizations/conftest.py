"""A database of organizations, emptied before each test."""

import pytest

from chassis.testing.database import Bench

KEPT = ("alembic_version",)


@pytest.fixture(scope="module")
def whole_bench(database_url, tmp_path_factory):
    """One store for a module's tests."""
    made = Bench(database_url("organizations"), "organizations", tmp_path_factory.mktemp("clock") / "offset")
    yield made
    made.close()


@pytest.fixture
def bench(whole_bench):
    """The service's database, empty, its clock right."""
    whole_bench.clock.unlink(missing_ok=True)
    tables = [row.tablename for row in whole_bench.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    whole_bench.rows(f"TRUNCATE {', '.join(table for table in tables if table not in KEPT)} CASCADE")
    return whole_bench
