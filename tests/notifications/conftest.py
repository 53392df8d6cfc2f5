"""A database of mails, and one queued mail of each kind."""

import pytest

from chassis.testing.database import Bench


@pytest.fixture
def bench(fresh_database, tmp_path):
    made = Bench(fresh_database("notifications"), "notifications", tmp_path / "clock")
    yield made
    made.close()
