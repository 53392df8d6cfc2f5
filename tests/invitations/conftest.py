"""A database of invitations."""

import pytest

from chassis.testing.database import Bench


@pytest.fixture
def bench(fresh_database, tmp_path):
    made = Bench(fresh_database("invitations"), "invitations", tmp_path / "clock")
    yield made
    made.close()
