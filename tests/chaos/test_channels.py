"""N-08: the broker closes one channel of a service (PRECONDITION_FAILED), as when a message was not acknowledged in time."""

import contextlib
import re
from uuid import uuid4

import pytest

from chassis.bus import connect
from tests.chassis import probes
from tests.chassis.conftest import wait_for
from tests.chassis.test_events import publish_event, queue_is_empty


@pytest.fixture
def impatient_broker(servers):
    """Channels opened meanwhile are closed when a message waits for its acknowledgement for over a second."""
    with contextlib.ExitStack() as healing:
        for name, value, usual in (("consumer_timeout", 1000, 1_800_000), ("channel_tick_interval", 300, 60_000)):
            healing.callback(set_broker, servers, name, usual)
            set_broker(servers, name, value)
        yield


def set_broker(servers, name, value):
    servers.rabbitmq  # noqa: B018 - running
    servers.rabbitmqctl("eval", f"application:set_env(rabbit, {name}, {value}).")


class TestAClosedChannel:
    def test_is_replaced_and_what_was_in_hand_has_one_effect(self, impatient_broker, make_probe, servers):
        """The work in hand takes 2 s: it ends after its channel did, and acknowledges nothing on the next one."""
        probe = make_probe("notifications")
        probe.start()
        slow, fast = [uuid4() for _ in range(3)], [uuid4() for _ in range(40)]
        with connect(servers.broker_url("admin", probe.vhost)) as connection:
            channel = connection.channel()
            for cause in slow:
                publish_event(channel, str(cause), cause, probes.SLOW)
            for cause in fast:
                publish_event(channel, str(cause), cause)

        wait_for(lambda: all(probe.effects(cause) for cause in slow + fast), 30, lambda: probe.log.read_text()[-3000:])

        wait_for(lambda: queue_is_empty(servers, probe), 30)
        wait_for(lambda: counted(probe, "acks_lost_total") >= 1, 15)
        assert probe.rows("SELECT cause FROM effects GROUP BY cause HAVING count(*) > 1") == []
        assert "PRECONDITION_FAILED" in probe.log.read_text()
        assert probe.process.poll() is None
        print(f"{counted(probe, 'acks_lost_total'):.0f} acknowledgements came too late")


def counted(probe, metric):
    found = re.search(rf"^{metric} (\S+)", probe.get("/metrics")[1].decode(), re.MULTILINE)
    return float(found[1]) if found else 0
