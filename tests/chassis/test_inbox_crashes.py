"""A consumer killed at the two places that matter: what it had in hand is handled by the next one, once."""

import signal
from uuid import uuid4

import pytest

from chassis import topology
from chassis.bus import connect
from contracts import accounts
from tests.chassis.conftest import wait_for
from tests.chassis.test_events import publish_event, queue_is_empty
from tests.sizes import sized

KILLS = sized(10, 200)
START_SECONDS = 30


@pytest.fixture
def doomed(make_probe):
    """`doomed("after_commit")`: a probe that dies there once for each message."""

    def make(place):
        probe = make_probe("notifications")
        probe.program = "tests.chassis.crashing_inbox"
        probe.environment["CRASH_AT"] = place
        return probe

    return make


def kill_once_for_each(probe, servers, causes):
    """Publish the messages one after the other, each of which kills the process; leave one running that lives."""
    with connect(servers.broker_url("admin", probe.vhost)) as connection:
        declare_queues(connection)
        for cause in causes:
            publish_event(connection.channel(), str(cause), cause)
            probe.start(ready=False)
            assert probe.process.wait(START_SECONDS) == -signal.SIGKILL, probe.log.read_text()[-3000:]
    probe.start()
    wait_for(lambda: queue_is_empty(servers, probe))


def declare_queues(connection):
    channel = connection.channel()
    topology.dead_letters("notifications")(channel).declare()
    for queue in topology.queues_of(accounts.EmailConfirmationRequested):
        queue(channel).declare()


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("place", ["after_commit", "before_commit"])
class TestAConsumerKilled:
    """C-04: after the commit and before the acknowledgement. C-05: before the commit."""

    def test_leaves_each_message_to_have_its_one_effect(self, doomed, servers, place):
        probe, causes = doomed(place), [uuid4() for _ in range(KILLS)]

        kill_once_for_each(probe, servers, causes)

        wait_for(lambda: probe.effects(causes[-1]))
        assert {probe.effects(cause) for cause in causes} == {1}
        assert len(probe.seen.read_text().splitlines()) == KILLS * (1 if place == "after_commit" else 2)
        assert probe.rows("SELECT count(*) FROM parked") == [(0,)]
        assert probe.stop() == 0
        assert queue_is_empty(servers, probe)  # Nothing went back: all was acknowledged.


@pytest.mark.parametrize(("place", "effects"), [("after_commit_without_inbox", 2), ("before_commit_acknowledged_first", 0)])
class TestANaiveConsumerKilled:
    """The controls: without an inbox the effect doubles; acknowledged first, it is lost."""

    def test_doubles_or_loses(self, doomed, servers, place, effects):
        probe, cause = doomed(place), uuid4()

        kill_once_for_each(probe, servers, [cause])

        if effects:
            wait_for(lambda: probe.effects(cause) == effects)
        assert probe.stop() == 0
        assert queue_is_empty(servers, probe)
        assert probe.effects(cause) == effects
