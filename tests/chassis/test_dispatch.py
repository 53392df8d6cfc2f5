"""Messages on their way from the broker's reader to a worker."""

import threading

from chassis import host
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
        desk.again(take, "first")
        desk.again(take, "second")

        wait_for(lambda: taken == ["first", "second", "first"])
        desk._inbound.put(None)
