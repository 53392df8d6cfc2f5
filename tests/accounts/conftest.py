"""A database of accounts, emptied before each test."""

import pytest

from chassis.testing.database import Bench

TABLES = ("sessions", "email_confirmations", "accounts", "outbox", "inbox", "idempotent_results", "parked")


@pytest.fixture
def bench(database_url, tmp_path):
    made = Bench(database_url("accounts"), "accounts", tmp_path / "clock")
    made.rows("; ".join(f"DELETE FROM {table}" for table in TABLES))
    yield made
    made.close()


@pytest.fixture
def own_bench(fresh_database, tmp_path):
    """One whose tables a test may alter."""
    made = Bench(fresh_database("accounts"), "accounts", tmp_path / "clock")
    yield made
    made.close()
