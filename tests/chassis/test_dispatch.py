"""Messages on their way from the broker's reader to a worker."""

import threading
from functools import partial
from types import SimpleNamespace

import amqp
import pytest

from chassis import host
from chassis.bus import Link
from tests.chassis.conftest import wait_for


class TestDispatch:
    def test_takes_a_message_up_again_when_taking_it_failed_and_the_next_one_meanwhile(self, monkeypatch):
        monkeypatch.setattr(host, "DISPATCH_AGAIN_SECONDS", 0.1)
        desk, taken = host.Host(), []

        def take(message):
            taken.append(message)
            if taken == ["first"]:
                raise ValueError

        threading.Thread(target=desk._dispatch, daemon=True).start()
        desk.dispatch(partial(take, "first"))
        desk.dispatch(partial(take, "second"))

        wait_for(lambda: taken == ["first", "second", "first"])
        desk._inbound.put(None)


class Channel:
    """A channel of one connection; it acknowledges as long as that connection is there."""

    def __init__(self, connection, error=None):
        self.connection = connection
        self.error = error
        self.acknowledged = []

    def basic_ack(self, tag):
        if self.connection is None or self.error:
            raise self.error or amqp.RecoverableConnectionError("gone")
        self.acknowledged.append(tag)


@pytest.fixture
def desk():
    """A host whose listener has a connection."""
    desk = host.Host()
    desk.listener = Link("listener", "amqp://", lambda connection: None, lambda: None)
    desk.listener._wire = object()
    return desk


class TestAck:
    def test_goes_to_the_present_connection(self, desk):
        channel = Channel(desk.listener._wire)

        desk.ack(SimpleNamespace(channel=channel, delivery_tag=1))

        assert channel.acknowledged == [1]

    def test_leaves_the_new_connection_alone_when_its_own_went_while_it_waited_for_its_turn(self, desk):
        channel = Channel(desk.listener._wire)
        with desk.listener.writing():
            waiting = threading.Thread(target=desk.ack, args=[SimpleNamespace(channel=channel, delivery_tag=1)])
            waiting.start()
            waiting.join(0.2)  # It waits for its turn…
            channel.connection, desk.listener._wire = None, object()  # … and meanwhile the connection is replaced.
        waiting.join(10)

        assert not desk.listener._give_up
        assert not channel.acknowledged

    @pytest.mark.parametrize("error", [amqp.RecoverableConnectionError("gone"), ValueError()], ids=["broken", "whatever"])
    def test_that_fails_condemns_the_present_connection(self, desk, error):
        desk.ack(SimpleNamespace(channel=Channel(desk.listener._wire, error), delivery_tag=1))

        assert desk.listener._give_up
