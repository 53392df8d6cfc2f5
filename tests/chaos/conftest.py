"""Fixtures of the tests of faults: `servers` are private to this package here, so that its tests may break them."""

from pathlib import Path

import pytest

from chassis.call import Caller
from chassis.settings import BusSettings
from chassis.subject import read_private_key
from tests.chaos import servers as breakable
from tests.chaos.system import System
from tests.chassis.conftest import Probe, make_caller, make_probe  # noqa: F401 - two of them fixtures, over the servers below

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


@pytest.fixture(scope="session")
def running_system(servers, tmp_path_factory):
    directory = tmp_path_factory.mktemp("system")

    with servers.leased_vhost() as vhost:
        made = [probe_of(servers, name, vhost, directory) for name in ("accounts", "notifications")]
        key = read_private_key(servers.secrets["OPERATOR_SIGNING_KEY"])
        operator = Caller(BusSettings("operator", servers.broker_url("operator", vhost), key))
        operator.start()
        system = System(*made, operator, directory / "clock")
        system.vhost = vhost
        yield system.start()
        operator.link.stop()
        system.stop()


def probe_of(servers, name, vhost, directory):
    probe = Probe(name, servers.empty_database(name), servers.broker_url(name, vhost), servers.secrets, directory)
    probe.create_tables()
    return probe


@pytest.fixture
def system(running_system):
    """`tests.chaos.system.System`, running; it recovers from each fault without a new process."""
    yield running_system
    assert running_system.living() == running_system.pids
