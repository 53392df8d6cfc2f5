"""The broker is killed, freezes, or takes nothing more: what was committed arrives exactly once, and nobody waits for long."""

import time

import pytest

from chassis.wire import BusIsDown, CallTimedOut
from tests.chaos.system import announcing, calling, some_address, timed, unless_unavailable
from tests.sizes import sized


@pytest.mark.soak
class TestKill:
    """N-01: kill -9 while publishers and callers are at work."""

    def test_loses_nothing_and_all_resume(self, servers, system):
        with announcing(system) as publishers, calling(system) as callers:
            time.sleep(1)
            for _ in range(sized(1, 10)):
                with servers.killed("rabbitmq"):
                    time.sleep(2)
                print(f"well {system.seconds_until_well(10):.1f} s after the broker's return")

        print(system.check_events(publishers.done), "events")
        system.check_calls(callers.done)
        assert {type(error) for error in callers.errors} <= {BusIsDown, CallTimedOut}
        assert callers.errors


@pytest.mark.soak
class TestFreeze:
    """N-02: SIGSTOP for longer than two heartbeats, then SIGCONT."""

    def test_loses_nothing_and_all_resume(self, servers, system):
        with announcing(system) as publishers, calling(system) as callers:
            with servers.frozen("rabbitmq"):
                time.sleep(sized(12, 20))
                assert not system.is_ready()
            print(f"well {system.seconds_until_well(5):.1f} s after the broker's return")

        print(system.check_events(publishers.done), "events")
        system.check_calls(callers.done)


@pytest.mark.soak
class TestAlarm:
    """N-09: the broker takes nothing for want of disk or memory; callers learn so within 2 s and nothing happens."""

    @pytest.mark.parametrize("kind", ["disk", "memory"])
    def test_refuses_calls_soon_and_delays_events(self, servers, system, kind):
        with announcing(system) as publishers:
            with servers.alarm(kind):
                refused = refused_calls(system)
                waiting = system.announce()
                time.sleep(sized(3, 50))
                assert system.notifications.effects(waiting) == 0
                assert system.notifications.get("/livez")[0] == 200
            print(f"well {system.seconds_until_well(10):.1f} s after the alarm")

        print(system.check_events(publishers.done), "events")
        system.check_calls([], refused)


def refused_calls(system):
    """Three calls refused in turn, each soon."""
    unless_unavailable(system.call)  # RabbitMQ takes one message more of a quiet connection, and stops the connection then.
    refused = [some_address() for _ in range(3)]
    for email in refused:
        with timed(2) as call, pytest.raises(BusIsDown):
            system.call(email)
        print(f"refused after {call.seconds:.2f} s")
    return refused
