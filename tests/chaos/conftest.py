"""Fixtures of the tests of faults: `servers` are private to this package here, so that its tests may break them."""

from pathlib import Path

import pytest

from tests.chaos import servers as breakable
from tests.chassis.conftest import make_caller, make_probe  # noqa: F401 - fixtures, over the servers below

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """One worker owns the servers."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.xdist_group("chaos"))


@pytest.fixture(scope="session")
def servers():
    """`tests.chaos.servers.BreakableServers`: what `TestServers` offers, and faults. A test leaves them healed."""
    made = breakable.of_this_run()
    yield made
    made.close()
