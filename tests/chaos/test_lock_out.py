"""N-16: the broker no longer lets a service in: it tries again at a growing distance, says so, lives, and recovers by itself."""

import time

import pytest

from tests.chaos.system import facts
from tests.chassis.conftest import wait_for
from tests.sizes import sized

LINKS = 3  # To listen, to call, to publish.
SECONDS = sized(6, 60)
MOST_ATTEMPTS = LINKS * (7 + SECONDS // 2.5)  # The first waits are short, then at least 2.5 s.


@pytest.mark.soak
class TestALockedOutService:
    def test_of_a_changed_password(self, servers, system):
        self.check(system, servers.locked_out("accounts"))

    def test_of_a_removed_vhost(self, servers, system):
        self.check(system, servers.without_vhost(system.vhost))

    def check(self, system, fault):
        with fault:
            wait_for(lambda: system.accounts.get("/readyz")[0] == 503, 15)  # Three times the bar of 5 s.
            before = attempts(system.accounts)
            time.sleep(SECONDS)
            made = attempts(system.accounts) - before
            assert system.accounts.get("/livez")[0] == 200
        print(f"{made} attempts in {SECONDS} s; well {system.seconds_until_well(10):.1f} s after")

        assert 0 < made <= MOST_ATTEMPTS
        wait_for(system.is_ready, 30)


def attempts(probe):
    """How often it was not let in."""
    refused = {"broker_connection_lost", "broker_refused", "relay_interrupted"}
    return sum(fact["event"] in refused for fact in facts(probe))
