"""The relay's parts, on a real database and a real broker: what comes next, what the broker gave back, what it leaves open."""

from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import namedtuple_row

from chassis import metrics, topology
from chassis.outgoing import mark_published, unpublished
from chassis.relay import Publisher
from chassis.testing import subjects
from chassis.testing.database import Bench
from contracts import accounts
from tests.chassis import probes


@pytest.fixture
def bench(fresh_database, tmp_path):
    bench = Bench(fresh_database("accounts"), "accounts", tmp_path / "clock")
    yield bench
    bench.close()


@pytest.fixture
def database(bench):
    with psycopg.connect(bench.store.url, autocommit=True, row_factory=namedtuple_row) as connection:
        yield connection


@pytest.fixture
def publisher(servers):
    with servers.leased_vhost() as vhost:
        publisher = Publisher(servers.broker_url("accounts", vhost), "accounts")
        yield publisher
        publisher.close()


def announce(bench, account_id, count=1):
    for issue in range(count):
        facts = {"account_id": account_id, "confirmation_id": uuid4(), "issue": issue}
        bench.act(probes.announce_confirmation, subjects.VISITOR, **facts)


def known(bench, account_id):
    bench.act(lambda session, subject: probes.announce(session, accounts.KnownAddressSignedUp, account_id=account_id), None)


class TestUnpublished:
    def test_lets_no_busy_aggregate_hold_up_the_others(self, bench, database):
        busy, others = uuid4(), [uuid4() for _ in range(10)]
        announce(bench, busy, count=60)
        for each in others:
            announce(bench, each)

        rows = unpublished(database)

        assert [row.aggregate_id for row in rows] == [str(each) for each in (busy, *others)]
        assert rows[0].payload["issue"] == 0

    def test_takes_an_aggregate_s_facts_one_after_the_other(self, bench, database):
        busy = uuid4()
        announce(bench, busy, count=3)
        issues = []
        while rows := unpublished(database):
            issues += [row.payload["issue"] for row in rows]
            mark_published(database, [row.id for row in rows], 0)

        assert issues == [0, 1, 2]

    def test_lets_no_fact_overtake_one_of_its_aggregate_that_is_held_back(self, bench, database):
        waiting, free = uuid4(), uuid4()
        announce(bench, waiting)
        known(bench, waiting)
        known(bench, free)

        rows = unpublished(database, held_back=[accounts.EmailConfirmationRequested.name])

        assert [row.aggregate_id for row in rows] == [str(free)]


class TestPublisher:
    """M-07: what no queue takes comes back; it is counted and not marked."""

    def test_says_what_the_broker_gave_back(self, bench, database, publisher):
        publisher.declare()
        announce(bench, uuid4())
        counted = metrics.events_unroutable.labels(event=accounts.EmailConfirmationRequested.name)
        before = counted._value.get()

        assert publisher.publish(unpublished(database)) == []

        assert counted._value.get() == before + 1

    def test_holds_back_what_has_no_queue_and_leaves_no_channel_open(self, publisher):
        for _ in range(20):
            publisher.declare()

        heard = {event.name for event in topology.published_by("accounts") if event.heard_by}
        assert publisher.held_back == heard
        assert len(publisher.connection.connection.channels) <= 3
