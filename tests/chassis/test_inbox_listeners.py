"""C-03: two services hear one event; each has its one effect, whatever becomes of the other's."""

from uuid import uuid4

import pytest

from chassis.bus import connect
from chassis.testing import subjects
from chassis.testing.database import Bench
from tests.chassis import probes
from tests.chassis.conftest import wait_for


@pytest.fixture
def listeners(make_probe, servers):
    """A service that announces and hears, and one that hears; as the administrator, whom no contract binds."""
    found = []
    for name in ("accounts", "notifications"):
        url = servers.broker_url("admin", found[0].vhost) if found else None
        found.append(make_probe(name, amqp_url=url))
        found[-1].program = "tests.chassis.two_listeners"
    accounts, notifications = found
    accounts.environment["ACCOUNTS_AMQP_URL"] = servers.broker_url("admin", accounts.vhost)
    notifications.start()
    accounts.start()
    yield accounts, notifications
    accounts.stop()
    with connect(servers.broker_url("admin", accounts.vhost)) as connection:  # No contract knows it, so nobody else deletes it.
        connection.channel().queue_delete("accounts.remember_confirmation")


class TestTwoListenersOfOneEvent:
    def test_have_one_effect_each(self, listeners, tmp_path):
        accounts, notifications = listeners
        bench = Bench(accounts.database_url, "accounts", tmp_path / "clock")
        fine, refused = uuid4(), uuid4()

        for cause, issue in ((fine, probes.FINE), (refused, probes.PERMANENT)):
            facts = {"account_id": uuid4(), "confirmation_id": cause, "issue": issue}
            bench.act(probes.announce_confirmation, subjects.VISITOR, **facts)
        bench.close()

        wait_for(lambda: (accounts.effects(fine), notifications.effects(fine)) == (1, 1), explain=accounts.log.read_text)
        wait_for(lambda: notifications.rows("SELECT state FROM parked") == [("dead",)])
        assert (accounts.effects(refused), notifications.effects(refused)) == (1, 0)
        assert accounts.rows("SELECT handler, count(*) FROM inbox GROUP BY handler") == [("accounts.remember_confirmation", 2)]
        assert accounts.rows("SELECT count(*) FROM parked") == [(0,)]
