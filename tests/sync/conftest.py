"""A database of runs, emptied before each test, on the day of the generated deliveries; and a files port."""

import pytest

from chassis.testing.database import Bench
from tests.factories import sync as make


@pytest.fixture(scope="module")
def whole_bench(database_url, tmp_path_factory):
    """One store for a module's tests."""
    made = Bench(database_url("sync"), "sync", tmp_path_factory.mktemp("clock") / "offset")
    yield made
    made.close()


@pytest.fixture
def bench(whole_bench):
    """The service's database, empty."""
    whole_bench.rows("TRUNCATE runs CASCADE")
    make.set_day(whole_bench)
    return whole_bench


@pytest.fixture
def files_dir(tmp_path):
    return tmp_path / "files"


@pytest.fixture
def organizations():
    return make.FakeOrganizations()
