"""The database goes away while events are handled, or before they come: they wait at the broker, and nothing spins."""

import time
from uuid import uuid4

from chassis.bus import connect
from tests.chassis import probes
from tests.chassis.conftest import wait_for
from tests.chassis.test_events import publish_event
from tests.chassis.test_outages import behind_a_gate

QUEUE = "notifications.email_confirmation_link"
OUTAGE_SECONDS = 5
WATCHED_SECONDS = 3


def publish_all(servers, probe, causes, issue=probes.FINE):
    with connect(servers.broker_url("admin", probe.vhost)) as connection:
        channel = connection.channel()
        for cause in causes:
            publish_event(channel, str(cause), cause, issue)


def ready_messages(servers, probe):
    """Those in the queue that no consumer has in hand."""
    with connect(servers.broker_url("admin", probe.vhost)) as connection:
        return connection.channel().queue_declare(QUEUE, passive=True).message_count


def effects_of(probe, causes):
    """How many effects each cause has had: the different numbers."""
    return {probe.effects(cause) for cause in causes}


class TestADatabaseThatGoesAwayWhileEventsAreHandled:
    """C-07: their work is lost with its transaction, not they; and nobody calls them poison."""

    def test_is_waited_for_and_each_has_its_one_effect(self, make_probe, servers):
        probe, causes = make_probe("notifications"), [uuid4() for _ in range(20)]
        with behind_a_gate(probe, "NOTIFICATIONS_DATABASE_URL") as database:
            publish_all(servers, probe, causes[:5], probes.SLOW)
            publish_all(servers, probe, causes[5:])
            wait_for(lambda: probe.seen.exists() and len(probe.seen.read_text().splitlines()) >= 5)

            database.shut()
            time.sleep(OUTAGE_SECONDS)
            assert effects_of(probe, causes) == {0}
            database.open()

            wait_for(lambda: effects_of(probe, causes) == {1}, 60, probe.log.read_text)
            assert "messages_parked_total{" not in probe.get("/metrics")[1].decode()
            assert probe.metric("acks_lost_total") == 0
            assert ready_messages(servers, probe) == 0


class TestADatabaseThatIsAwayWhenEventsCome:
    """C-13: none is acknowledged, nothing spins, and all are handled once it is back."""

    def test_leaves_them_to_the_broker_and_recovers(self, make_probe, servers):
        probe, causes = make_probe("notifications"), [uuid4() for _ in range(10)]
        with behind_a_gate(probe, "NOTIFICATIONS_DATABASE_URL") as database:
            database.shut()
            publish_all(servers, probe, causes)
            wait_for(lambda: "database_down" in probe.log.read_text())
            self.watch(probe)
            database.open()
            recovered_from(probe, causes)

            database.shut()
            others = [uuid4() for _ in range(10)]
            publish_all(servers, probe, others)
            wait_for(lambda: ready_messages(servers, probe) == 5)  # As many as one handler takes at once are in its hands.
            probe.kill()

            wait_for(lambda: ready_messages(servers, probe) == 10)
            assert effects_of(probe, causes) == {1}

    def watch(self, probe):
        """See that the process tries now and then, and does little else."""
        cpu, tries = probe.cpu_seconds(), probe.log.read_text().count("database_down")
        time.sleep(WATCHED_SECONDS)
        cpu, tries = probe.cpu_seconds() - cpu, probe.log.read_text().count("database_down") - tries

        print(f"in {WATCHED_SECONDS} s of outage: {cpu:.2f} s of processor, {tries} tries for 5 messages")
        assert cpu < WATCHED_SECONDS / 2
        assert tries < 100


def recovered_from(probe, causes):
    """Wait until each has its effect, at most three times the bar of 10 s."""
    began = time.monotonic()
    wait_for(lambda: effects_of(probe, causes) == {1}, 30, probe.log.read_text)
    print(f"recovered {time.monotonic() - began:.1f} s after the database was back")
