"""What a process watches of itself: a late loop shows, a deaf connection is replaced, a wrong queue is told with its reason."""

import json
import threading
import time
from types import SimpleNamespace

import pytest

from chassis import metrics, topology, watch
from chassis.bus import connect, open_channel
from chassis.watch import Watch
from tests.chassis.conftest import wait_for

LATE_SECONDS = 0.3


class Late(threading.Event):
    """Comes back later than asked, as every wait does in a process that something blocks; ends after one."""

    def wait(self, timeout=None):
        time.sleep((timeout or 0) + LATE_SECONDS)
        self.set()


def lags_over(seconds):
    """How many times the loop was later than this."""
    buckets = {float(one.labels["le"]): one.value for one in metrics.loop_lag_seconds.collect()[0].samples if "le" in one.labels}
    return buckets[float("inf")] - buckets[seconds]


class TestTheLoopsLag:
    def test_shows_how_late_the_loop_was(self):
        before = lags_over(0.25)

        Watch(SimpleNamespace(stopping=Late())).loop_lag()

        assert lags_over(0.25) == before + 1


@pytest.fixture
def host(servers, monkeypatch):
    """A host with one queue and no consumer yet, looked at again and again."""
    monkeypatch.setattr(watch, "CONSUMERS_SECONDS", 0.01)
    with servers.leased_vhost() as vhost:
        condemned, up = [], threading.Event()
        up.set()
        yield SimpleNamespace(
            stopping=threading.Event(),
            settings=SimpleNamespace(amqp_url=servers.broker_url("admin", vhost)),
            listener=SimpleNamespace(is_up=up, condemn=lambda: condemned.append(1)),
            caller=SimpleNamespace(renew=lambda: None),
            queues=lambda: [topology.calls_queue("accounts")],
            expected_queues=lambda: ["accounts.calls"],
            condemned=condemned,
        )


@pytest.fixture
def watching(host):
    thread = threading.Thread(target=Watch(host).consumers)
    yield thread.start
    host.stopping.set()
    thread.join(30)


class TestTheConsumers:
    def test_that_the_broker_does_not_know_condemn_the_connection(self, host, watching):
        watching()

        wait_for(lambda: host.condemned)

    def test_control_that_it_knows_condemn_nothing(self, host, watching):
        with connect(host.settings.amqp_url) as connection:
            channel = open_channel(connection)
            topology.calls_queue("accounts")(channel).declare()
            channel.basic_consume("accounts.calls", callback=lambda message: None)
            watching()
            time.sleep(0.5)

            assert not host.condemned


class TestTopology:
    """A queue that stands otherwise than this release declares it: the service is not ready and says why; nobody deletes it."""

    def test_that_differs_is_told_until_it_is_right(self, make_probe, servers):
        probe = make_probe("notifications")
        name = "notifications.email_magic_link"
        with connect(servers.broker_url("admin", probe.vhost)) as connection:
            connection.channel().queue_declare(name, durable=True, auto_delete=False)

            probe.start(ready=False)
            reason = wait_for(lambda: listener_s_problem(probe), 30, probe.log.read_text)
            assert name in reason
            assert '"broker_refused"' in probe.log.read_text()

            connection.channel().queue_delete(name)
        probe.wait_until_ready()


def listener_s_problem(probe):
    status, body = probe.get("/healthz")
    problem = json.loads(body)["checks"]["listener"][0].get("output", "") if status else ""
    return problem if "PRECONDITION_FAILED" in problem else None
