"""C-08: what cannot be handled stops nothing behind it, and only what kills when run alone is given up."""

import json
from uuid import uuid4

from chassis.bus import connect
from chassis.topology import DELIVERY_LIMIT
from tests.chassis import probes
from tests.chassis.conftest import wait_for
from tests.chassis.test_events import publish_event, queue_is_empty
from tests.chassis.test_inbox_outages import effects_of

DEAD = "SELECT message_id, state, reason FROM parked"


def attempts(probe, cause):
    return probe.seen.read_text().count(f"{cause} ")


def restarted_until(probe, condition, at_most=20):
    """Start the process as often as it dies, until the condition holds; how often it died."""
    for deaths in range(at_most):
        probe.start(ready=False)
        wait_for(lambda: probe.process.poll() is not None or condition(), 60, probe.log.read_text)
        if probe.process.poll() is None:
            return deaths
        assert probe.process.returncode == 9, probe.log.read_text()[-3000:]
    raise AssertionError(f"it died {at_most} times. {probe.log.read_text()[-3000:]}")


class TestAMessageThatIsRefusedForGood:
    def test_is_tried_once_and_stops_nothing(self, make_probe, servers):
        probe, refused, behind = make_probe("notifications").start(), uuid4(), [uuid4() for _ in range(20)]
        with connect(servers.broker_url("admin", probe.vhost)) as connection:
            channel = connection.channel()
            publish_event(channel, str(refused), refused, probes.PERMANENT)
            for cause in behind:
                publish_event(channel, str(cause), cause)

        wait_for(lambda: effects_of(probe, behind) == {1})
        wait_for(lambda: probe.rows(DEAD))

        (row,) = probe.rows(DEAD)
        assert (row.message_id, row.state, row.reason.partition(":")[0]) == (str(refused), "dead", "Conflict")
        probe.wait_until_ready()  # Before it, a signal ends it without ceremony.
        assert probe.stop() == 0
        assert queue_is_empty(servers, probe)
        assert attempts(probe, refused) == 1


class TestAMessageThatEndsItsProcess:
    """(b): delivered as often as the broker may, run once more alone, then dead; those it took along are handled."""

    def test_is_dead_and_those_in_hand_with_it_are_handled(self, make_probe, servers):
        probe, killer = make_probe("notifications"), uuid4()
        mates, behind = [uuid4() for _ in range(2)], [uuid4() for _ in range(10)]
        probe.start()
        with connect(servers.broker_url("admin", probe.vhost)) as connection:
            channel = connection.channel()
            for cause in mates:
                publish_event(channel, str(cause), cause, probes.SLOW)
            publish_event(channel, str(killer), killer, probes.KILLS)
            for cause in behind:
                publish_event(channel, str(cause), cause)
        wait_for(lambda: probe.process.poll() is not None)

        def all_is_decided():
            others = effects_of(probe, mates + behind) == {1}
            return others and [(each.message_id, each.state) for each in probe.rows(DEAD)] == [(str(killer), "dead")]

        deaths = 1 + restarted_until(probe, all_is_decided)

        print(f"it ended its process {deaths} times")
        assert attempts(probe, killer) == deaths == (DELIVERY_LIMIT + 1) + 1  # As often as delivered, and once alone.
        assert probe.rows(DEAD)[0].reason == "its process ended while it ran alone"
        assert dead_letters(probe) >= {str(killer), *map(str, mates)}
        probe.wait_until_ready()  # Before it, a signal ends it without ceremony.
        assert probe.stop() == 0
        assert queue_is_empty(servers, probe)


def dead_letters(probe):
    """The messages that the broker gave up, by the process's log."""
    lines = [json.loads(line) for line in probe.log.read_text().splitlines() if "event_dead_lettered" in line]
    assert {line["reason"] for line in lines} == {"delivery_limit"}
    return {line["message_id"] for line in lines}
