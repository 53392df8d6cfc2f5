"""The network loses, resets, delays or swallows what goes to the broker."""

import contextlib
import re
import time
from uuid import uuid4

import pytest

from chassis.bus import connect
from chassis.context import Context
from chassis.subject import service_subject
from chassis.wire import CallTimedOut
from contracts import accounts
from tests.chaos import firewall
from tests.chaos.system import WHO, announcing, calling, some_address
from tests.chassis.conftest import wait_for
from tests.chassis.test_events import publish_event
from tests.chassis.test_outages import behind_a_gate
from tests.sizes import sized


@pytest.mark.soak
class TestDroppedPackets:
    """N-05: packets of the broker's port vanish."""

    def test_lose_nothing_and_all_resume(self, servers, system):
        if reason := firewall.why_not():
            pytest.skip(reason)
        with announcing(system) as publishers, calling(system) as callers:
            with firewall.dropping(servers.servers.rabbitmq.port):
                time.sleep(sized(12, 20))
                assert not system.is_ready()
            print(f"well {system.seconds_until_well(10):.1f} s after the packets pass again")

        print(system.check_events(publishers.done), "events")
        system.check_calls(callers.done)


@contextlib.contextmanager
def hearing_behind_a_gate(make_probe, servers):
    """A listener behind a gate, and a way past the gate to its queue."""
    probe = make_probe("notifications")
    url = servers.broker_url("admin", probe.vhost)

    def publish(count):
        causes = [uuid4() for _ in range(count)]
        with connect(url) as connection:
            channel = connection.channel()
            for cause in causes:
                publish_event(channel, str(cause), cause)
        return causes

    with behind_a_gate(probe, "NOTIFICATIONS_AMQP_URL") as gate:
        yield probe, gate, publish


def check_each_once(probe, causes, seconds, servers):
    began = time.monotonic()
    wait_for(lambda: all(probe.effects(cause) for cause in causes), seconds, lambda: tell(probe, causes, servers))
    assert {probe.effects(cause) for cause in causes} == {1}
    assert probe.process.poll() is None
    return time.monotonic() - began


class TestFaultsOfOneConnection:
    """N-04, N-06, N-07, on one listener."""

    def test_are_survived(self, make_probe, servers):
        with hearing_behind_a_gate(make_probe, servers) as (probe, gate, publish):
            gate.deafen()
            seconds = check_each_once(probe, publish(20), 45, servers)  # Three times the bar of 15 s.
            print(f"N-04: heard by a new connection after {seconds:.1f} s")
            wait_for(lambda: lost(probe) >= 1, 45)
            wait_for(lambda: probe.get("/readyz")[0] == 200, 45)

            before, causes, resets = lost(probe), [], sized(12, 60)
            for _ in range(resets):
                causes += publish(3)
                gate.reset()
                time.sleep(0.5)
            seconds = check_each_once(probe, causes, 30, servers)
            print(f"N-06: {lost(probe) - before:.0f} connections lost in {resets} resets; all heard after {seconds:.1f} s")
            assert 1 < lost(probe) - before < resets / 2  # It waits longer and longer between two attempts.

            gate.slow(0.5, 100_000)
            print(f"N-07: heard after {check_each_once(probe, publish(20), 60, servers):.1f} s")


def tell(probe, causes, servers):
    missing = [str(cause) for cause in causes if not probe.effects(cause)]
    parked = probe.rows("SELECT handler, message_id, state, reason, attempt_count FROM parked")
    told = f"{parked}\n{probe.get('/metrics')[1].decode()}"
    return f"missing: {missing}; set aside: {told}\n{servers.tell(probe.vhost)}\n{probe.log.read_text()[-3000:]}"


def lost(probe):
    """How many connections of the listener were lost."""
    found = re.search(rb'connections_lost_total{link="notifications.listener"} (\S+)', probe.get("/metrics")[1])
    return float(found[1]) if found else 0


class TestSlowNetwork:
    """N-07: what takes longer than its deadline is a missed deadline, and is not executed."""

    def test_misses_deadlines_cleanly(self, make_probe, make_caller):
        probe = make_probe("accounts")
        with behind_a_gate(probe, "ACCOUNTS_AMQP_URL") as gate:
            caller = make_caller("operator", probe.vhost)
            gate.slow(0.5, 100_000)
            patient, hurried = some_address(), some_address()

            caller.call(accounts.create_staff, request(patient))
            with pytest.raises(CallTimedOut):
                caller.call(accounts.create_staff, request(hurried), context=within(0.3))

            assert probe.effects(patient) == 1
            time.sleep(1.5)
            assert probe.effects(hurried) == 0


def request(email):
    return {"email": email, "first_name": "Ada", **WHO}


def within(seconds):
    """A context that leaves so much time."""
    return Context(subject=service_subject("operator"), request_id="slow", cause="slow", deadline=time.time() + seconds)
