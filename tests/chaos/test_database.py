"""The database loses sessions, dies, fills up, or has no connection left: only refusals that say to try again, and no loss."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from chassis.db import DatabaseIsBusy, DatabaseIsDown
from chassis.wire import BusIsDown, CallTimedOut
from contracts.errors import DeadlineHasPassed, Unavailable
from tests.chaos.system import announcing, calling, some_address, timed, unless_unavailable
from tests.sizes import sized

MAY_BE_REPEATED = {DatabaseIsBusy, DatabaseIsDown, BusIsDown, CallTimedOut, DeadlineHasPassed, Unavailable}


@pytest.mark.soak
class TestSessionsEnded:
    """N-11: pg_terminate_backend on sessions at random, every 200 ms."""

    def test_lose_and_double_nothing(self, servers, system):
        with announcing(system) as publishers, calling(system, callers=4) as callers:
            ended = end_sessions(servers, system, sized(8, 60))
            print(f"{ended} sessions ended; well {system.seconds_until_well(10):.1f} s after the last")

        print(system.check_events(publishers.done), "events;", len(callers.done), "calls;", errors_of(callers))
        system.check_calls(callers.done)
        assert ended > 10
        assert callers.errors
        assert {type(error) for error in callers.errors + publishers.errors} <= MAY_BE_REPEATED


def end_sessions(servers, system, seconds):
    """End two sessions of each database every 200 ms."""
    ended, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        ended += servers.terminate_sessions(system.accounts.database_url, 2)
        ended += servers.terminate_sessions(system.notifications.database_url, 2)
        time.sleep(0.2)
    return ended


def errors_of(busy):
    names = [type(error).__name__ for error in busy.errors]
    return {name: names.count(name) for name in sorted(set(names))}


@pytest.mark.soak
class TestKill:
    """N-12: kill -9 of the postmaster, then a start."""

    def test_is_recovered_from_without_a_new_process(self, servers, system):
        with announcing(system) as publishers, calling(system) as callers:
            time.sleep(1)
            for _ in range(sized(1, 10)):
                with servers.killed("postgresql"):
                    refused_soon(system)
                    assert system.accounts.get("/livez")[0] == 200
                    assert system.accounts.get("/readyz")[0] == 503
                print(f"well {system.seconds_until_well(10):.1f} s after the database's return")

        print(system.check_events(publishers.done), "events;", errors_of(callers))
        system.check_calls(callers.done)
        assert {type(error) for error in callers.errors + publishers.errors} <= MAY_BE_REPEATED


def refused_soon(system):
    for _ in range(3):
        with timed(2) as call, pytest.raises(Unavailable):
            system.call()
        print(f"refused after {call.seconds:.2f} s")


class TestNoConnectionLeft:
    """N-14: more slow requests than connections: some are answered, the others refused soon, and health stays live."""

    CALLS = 30

    def test_refuses_soon_what_it_cannot_take(self, servers, system):
        database = system.accounts.database_url.rpartition("/")[2]
        with servers.superuser() as connection:
            connection.execute(f'ALTER DATABASE "{database}" CONNECTION LIMIT 4')
        servers.terminate_sessions(system.accounts.database_url)
        try:
            outcomes = at_once(self.CALLS, lambda: outcome_of(system, first_name="Slow"))
            assert system.accounts.get("/livez")[0] == 200
        finally:
            with servers.superuser() as connection:
                connection.execute(f'ALTER DATABASE "{database}" CONNECTION LIMIT -1')

        refused = [(email, seconds) for email, seconds, answer in outcomes if answer is None]
        answered = [email for email, _, answer in outcomes if answer]
        print(f"{len(answered)} answered, {len(refused)} refused, after {max(seconds for _, seconds in refused):.1f} s at most")
        assert answered
        assert max(seconds for _, seconds in refused) < 6  # Three times the bar of 2 s.
        print(f"well {system.seconds_until_well(10):.1f} s later")
        system.check_calls(answered, [email for email, _ in refused])


def outcome_of(system, first_name):
    """(address, seconds, answer); None for an answer that says to try again."""
    email, began = some_address(), time.monotonic()
    answer = unless_unavailable(lambda: system.call(email, uuid4().hex, first_name=first_name))
    return email, time.monotonic() - began, answer


def at_once(count, work):
    barrier = threading.Barrier(count)

    def run(_):
        barrier.wait()
        return work()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
