"""Servers for the tests: fixtures over operations.local.testing. Nothing starts before a test asks for it."""

import os

import pytest

from operations.local import testing

pytest_plugins = ["tests.world"]


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: `make soak` runs this test too, at its full size (`tests.sizes`)")
    config.addinivalue_line("markers", "xdist_group(name): tests that one worker runs, one after the other")
    if not hasattr(config, "workerinput"):
        config.test_servers = testing.open_session()


def pytest_unconfigure(config):
    if hasattr(config, "test_servers"):
        testing.close_session(config.test_servers)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Keep the tests of the whole system on one worker: a second copy of it would only slow both down."""
    for item in items:
        if "stack" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("stack"))


@pytest.fixture(scope="session")
def servers():
    """The run's PostgreSQL and RabbitMQ: `operations.local.testing.TestServers`."""
    return testing.TestServers()


@pytest.fixture(scope="session")
def vhost():
    """The name of this worker's own vhost, where every participant's user has its true permissions."""
    return f"test{os.environ.get('PYTEST_XDIST_WORKER', 'gw0').removeprefix('gw')}"


@pytest.fixture(scope="session")
def broker_url(servers, vhost):
    """`broker_url("accounts")`: that participant's address in this worker's vhost."""
    return lambda participant: servers.broker_url(participant, vhost)


@pytest.fixture(scope="session")
def broker_admin_url(servers, vhost):
    """`broker_admin_url()`: a user who may do everything, in this worker's vhost or the one named."""
    return lambda name=None: servers.broker_url("admin", name or vhost)


@pytest.fixture(scope="session")
def database_url(servers):
    """`database_url("accounts")`: a database with that service's tables, the same for all tests of this worker."""
    made = {}

    def url(service):
        if service not in made:
            made[service] = servers.fresh_database(service)
        return made[service]

    return url


@pytest.fixture
def fresh_database(servers):
    """`fresh_database("accounts")`: a new database with that service's tables, dropped after the test."""
    yield from _databases(servers, servers.fresh_database)


@pytest.fixture
def empty_database(servers):
    """`empty_database("accounts")`: a new database without tables, dropped after the test."""
    yield from _databases(servers, servers.empty_database)


def _databases(servers, create):
    made = []

    def url(service):
        made.append(create(service))
        return made[-1]

    yield url
    for address in made:
        servers.drop_database(address)


@pytest.fixture(scope="session")
def stack(servers):
    """The whole system, running: `operations.local.stack.Stack`. Leave it running when the test ends."""
    with servers.new_stack() as running:
        yield running
