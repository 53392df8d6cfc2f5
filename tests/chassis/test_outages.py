"""Outages: services that start too early wait, and a half-open connection is noticed and replaced."""

import contextlib
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from chassis.bus import DRAIN_SECONDS, connect
from chassis.wire import BusIsDown, CallTimedOut
from contracts import accounts, notifications
from tests.chassis import probes
from tests.chassis.conftest import wait_for
from tests.chassis.gate import Forward
from tests.chassis.test_events import publish_body, publish_event

SLOW = {"email": "lente@emplois.example", "first_name": "Slow", "last_name": "Dupont", "password": "un long mot de passe"}


class Gate:
    """A loopback port in front of a server."""

    def __init__(self, url):
        parts = urlsplit(url)
        self.forward = Forward(parts.hostname, parts.port)
        self.url = url.replace(f":{parts.port}/", f":{self.forward.port}/")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.forward.close()


@contextlib.contextmanager
def behind_a_gate(probe, setting):
    """A probe that runs with one of its servers behind a gate; the gate's faults."""
    with Gate(probe.environment[setting]) as gate:
        gate.forward.open()
        probe.environment[setting] = gate.url
        probe.start()
        yield gate.forward
        probe.stop()


class TestStart:
    """N-18: services that start before broker and database wait, and are ready once both are there."""

    def test_before_broker_and_database_waits_and_then_serves(self, make_probe):
        probe = make_probe("accounts")
        settings = probe.environment
        with Gate(settings["ACCOUNTS_DATABASE_URL"]) as database, Gate(settings["ACCOUNTS_AMQP_URL"]) as broker:
            settings |= {"ACCOUNTS_DATABASE_URL": database.url, "ACCOUNTS_AMQP_URL": broker.url}
            probe.start(ready=False)
            wait_for(lambda: probe.get("/livez")[0] == 200, 30)
            status, document = probe.get("/readyz")
            assert status == 503
            assert failing(document) >= {"database", "broker"}

            database.forward.open()
            broker.forward.open()

            probe.wait_until_ready(30)  # Three times the bar of 10 s.
            assert probe.process.poll() is None
            probe.stop()


class TestHalfOpenConnection:
    """N-03: the server's bytes no longer arrive, new connections pass."""

    def test_is_replaced_and_events_are_handled_again(self, make_probe, servers):
        probe = make_probe("notifications")
        with behind_a_gate(probe, "NOTIFICATIONS_AMQP_URL") as broker:
            broker.silence()
            cause = uuid4()
            with connect(servers.broker_url("admin", probe.vhost)) as connection:
                publish_event(connection.channel(), str(cause), cause)

            wait_for(lambda: probe.effects(cause), 45)  # Three times the bar of 15 s.
            assert probe.get("/livez")[0] == 200


class TestALostConnection:
    """What was taken by a connection that is gone is acknowledged nowhere; the connection that replaced it stays."""

    def test_is_replaced_once_though_work_in_hand_ends_later(self, make_probe, servers):
        probe, causes = make_probe("notifications"), [uuid4() for _ in range(4)]
        with behind_a_gate(probe, "NOTIFICATIONS_AMQP_URL") as broker:
            with connect(servers.broker_url("admin", probe.vhost)) as connection:
                for cause in causes:
                    publish_event(connection.channel(), str(cause), cause, probes.SLOW)
            wait_for(lambda: probe.seen.exists() and len(probe.seen.read_text().splitlines()) == len(causes))

            broker.shut()
            broker.open()

            wait_for(lambda: all(probe.effects(cause) == 1 for cause in causes), 45)
            wait_for(lambda: handled_again(probe) == len(causes), 45)
            assert b"\nacks_lost_total 4.0" in probe.get("/metrics")[1]
            time.sleep(2 * DRAIN_SECONDS)  # As long as a link takes to notice that it was condemned, twice.
            assert b'connections_lost_total{link="notifications.listener"} 1.0' in probe.get("/metrics")[1]
            assert probe.rows("SELECT count(*) FROM parked") == [(0,)]


def handled_again(probe):
    """How many messages came a second time and had their effect already."""
    found = re.search(rb'events_handled_total{handler="\S+",outcome="repeated"} (\S+)', probe.get("/metrics")[1])
    return float(found[1]) if found else 0


class TestBrokerOutageWithAReplyToSend:
    """Stock nameko ends its process when an outage outlasts a reply; ours drops the reply and goes on."""

    def test_does_not_end_the_process(self, make_probe, make_caller):
        probe = make_probe("accounts")
        with behind_a_gate(probe, "ACCOUNTS_AMQP_URL") as broker:
            caller = make_caller("operator", probe.vhost)
            with ThreadPoolExecutor(1) as pool:
                answer = pool.submit(caller.call, accounts.create_staff, SLOW)
                wait_for(probe.seen.exists)  # It is being served: the probe answers after one second.
                broker.shut()
                with pytest.raises((CallTimedOut, BusIsDown)):
                    answer.result(30)
            time.sleep(7)  # With the call's five seconds, longer than what ends stock nameko.

            broker.open()

            wait_for(lambda: answers(caller), 45)
            assert probe.process.poll() is None
            assert probe.effects(SLOW["email"]) == 1


def answers(caller):
    try:
        return caller.call(accounts.create_staff, {**SLOW, "first_name": "Ada", "email": "ada@emplois.example"})
    except (CallTimedOut, BusIsDown):
        return None


class TestDatabaseOutage:
    """An event that comes while the database is away is neither lost nor parked; liveness stays."""

    def test_is_waited_for(self, make_probe, servers, make_caller):
        probe = make_probe("notifications")
        with behind_a_gate(probe, "NOTIFICATIONS_DATABASE_URL") as database:
            database.shut()
            cause = uuid4()
            with connect(servers.broker_url("admin", probe.vhost)) as connection:
                publish_event(connection.channel(), str(cause), cause)
            wait_for(lambda: probe.get("/readyz")[0] == 503, 15)
            assert probe.get("/livez")[0] == 200
            assert probe.effects(cause) == 0
            with connect(servers.broker_url("admin", probe.vhost)) as connection:
                publish_body(connection.channel(), b"{", {"message_id": "bad"})  # It cannot be set aside yet…
            operator = make_caller("operator", probe.vhost)
            assert operator.call(notifications.list_mails, {}) == {"items": []}  # … and holds nobody up.

            database.open()

            wait_for(lambda: probe.effects(cause), 30)
            wait_for(lambda: probe.rows("SELECT message_id FROM parked") == [("bad",)])


def failing(document):
    return {name for name, (check,) in json.loads(document)["checks"].items() if check["status"] == "fail"}
