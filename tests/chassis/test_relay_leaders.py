"""M-06: two processes of one service: one relays. When it is killed or frozen, nothing is lost, doubled or put out of order."""

import contextlib
import itertools
import signal
import time
from uuid import uuid4

import pytest

from chassis.outbox import announce
from chassis.testing import subjects
from chassis.testing.database import Bench
from contracts import accounts
from tests.chassis.background import Background
from tests.chassis.conftest import Probe, wait_for
from tests.chassis.facts import (
    announce_facts,
    declare_queues_of_listeners,
    effect_counts,
    order_violations,
    unpublished_count,
    versions_of,
    wire_of,
)
from tests.sizes import sized

TAKE_OVER_SECONDS = 15  # Three times the bar of 5 s.
FROZEN_SECONDS = sized(20, 60)
FIRST_VERSION = 100  # Beyond the numbers at which the probe misbehaves.
LEADS = b"\nrelay_is_leader 1.0"


@pytest.fixture
def pair(make_probe, servers, tmp_path):
    """Two processes of one service on one database, both ready."""
    first = make_probe("accounts")
    beside = tmp_path / "beside"
    beside.mkdir()
    second = Probe("accounts", first.database_url, first.amqp_url, servers.secrets, beside)
    second.vhost = first.vhost
    yield [first.start(), second.start()]
    for probe in (first, second):
        with contextlib.suppress(ProcessLookupError):  # Killed.
            probe.process.send_signal(signal.SIGCONT)
    second.stop()
    second.engine.dispose()


@pytest.fixture
def bench(pair, tmp_path):
    bench = Bench(pair[0].database_url, "accounts", tmp_path / "clock")
    yield bench
    bench.close()


def leaders(pair):
    return [probe for probe in pair if LEADS in probe.get("/metrics")[1]]


def the_leader(pair):
    """The one that leads, and the other."""

    def one():
        found = leaders(pair)
        return found if len(found) == 1 else None

    (leader,) = wait_for(one, TAKE_OVER_SECONDS)
    (other,) = (probe for probe in pair if probe is not leader)
    return leader, other


def wait_until_drained_so_far(bench):
    """Wait until all that is announced by now is published, whatever is announced meanwhile."""
    ((newest,),) = bench.rows("SELECT max(id) FROM outbox")
    waiting = "SELECT 1 FROM outbox WHERE published_at IS NULL AND id <= :newest LIMIT 1"
    wait_for(lambda: not bench.rows(waiting, newest=newest), 60)


class TestTheOneThatLeads:
    def test_is_alone_and_replaced_when_it_is_killed(self, pair, bench, servers):
        leader, other = the_leader(pair)
        with wire_of(servers, leader.vhost) as wire:
            declare_queues_of_listeners(wire)
            announce_facts(bench, 100)
            wait_for(lambda: unpublished_count(bench) == 0)
            assert wire.count() == 100  # Both are there, and one publishes.

            leader.kill()
            began = time.monotonic()
            announce_facts(bench, 1)

            wait_for(lambda: unpublished_count(bench) == 0, TAKE_OVER_SECONDS, other.log.read_text)
            print(f"the other took over in {time.monotonic() - began:.1f} s")
            assert leaders([other]) == [other]
            assert wire.count() == 101


class Announcing(Background):
    """Announces ever newer versions of a few aggregates, for as long as it is entered."""

    pace = 0.2

    def __init__(self, bench):
        super().__init__()
        self.causes = []
        self._bench = bench
        self._aggregates = [uuid4() for _ in range(10)]
        self._versions = itertools.count(FIRST_VERSION)

    def turn(self):
        causes, version = [uuid4() for _ in self._aggregates], next(self._versions)
        self._bench.act(announce_versions, subjects.VISITOR, aggregates=self._aggregates, causes=causes, version=version)
        self.causes += [str(cause) for cause in causes]


def announce_versions(session, subject, *, aggregates, causes, version):
    for aggregate, cause in zip(aggregates, causes, strict=True):
        announce(session, accounts.EmailConfirmationRequested, account_id=aggregate, confirmation_id=cause, issue=version)


@pytest.mark.soak
class TestALeaderThatFreezes:
    """It goes on where it was, or finds that another leads: duplicates are allowed, their effects are not."""

    def test_doubles_no_effect_and_overtakes_nothing(self, pair, bench, make_probe, servers):
        hearer = make_probe("notifications").start()
        leader, _ = the_leader(pair)

        with wire_of(servers, hearer.vhost) as wire:
            with Announcing(bench) as announcing:
                wait_for(wire.count)
                leader.process.send_signal(signal.SIGSTOP)
                time.sleep(FROZEN_SECONDS)
                leader.process.send_signal(signal.SIGCONT)
                wait_until_drained_so_far(bench)
                leader, other = the_leader(pair)
                leader.process.send_signal(signal.SIGSTOP)
            assert len(bench.rows(END_SESSIONS)) == 1
            wait_for(lambda: leaders([other]), TAKE_OVER_SECONDS, other.log.read_text)
            wait_for(lambda: unpublished_count(bench) == 0, 60)
            leader.process.send_signal(signal.SIGCONT)
            wait_for(lambda: not leaders([leader]))
            published = wire.messages()

        wait_for(lambda: len(effect_counts(hearer)) == len(announcing.causes), 60)
        print(f"{len(published) - len(announcing.causes)} duplicates on the wire of {len(announcing.causes)} facts")
        assert order_violations(versions_of(published)) == 0
        assert effect_counts(hearer) == dict.fromkeys(announcing.causes, 1)


END_SESSIONS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = 'accounts-relay' AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"""
