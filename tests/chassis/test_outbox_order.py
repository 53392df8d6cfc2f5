"""Eight writers whose commits overtake each other: the relay misses no row, doubles none, and keeps each aggregate's order.

The two usual cursors do not: they are kept here as controls.
"""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa

from chassis.guards import OncePerMessage
from chassis.outbox import announce
from chassis.testing import subjects
from chassis.testing.database import Bench
from contracts import accounts
from tests.chassis.background import Background
from tests.chassis.conftest import wait_for
from tests.chassis.facts import declare_queues_of_listeners, order_violations, unpublished_count, versions_of, wire_of

WRITERS, EACH, AGGREGATES = 8, 300, 20
FACTS = WRITERS * EACH
LONGEST_PAUSE = 0.004  # Seconds between a transaction's steps: enough for others to overtake it.


@pytest.fixture
def make_bench(tmp_path):
    benches = []

    def make(url):
        benches.append(Bench(url, "accounts", tmp_path / "clock"))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


def change_aggregate(session, subject, *, aggregate):
    """Raise an aggregate's version under its row's lock and announce it, as actions do, while others do the same."""
    pause()
    raising = "UPDATE aggregates SET version = version + 1 WHERE aggregate_id = :id RETURNING version"
    version = session.scalar(sa.text(raising), {"id": aggregate})
    announce(session, accounts.EmailConfirmationRequested, account_id=aggregate, confirmation_id=uuid4(), issue=version)
    pause()


def pause():
    time.sleep(random.uniform(0, LONGEST_PAUSE))


def write_facts(bench):
    """Let eight writers announce; answer when all have."""
    bench.rows("CREATE TABLE aggregates (aggregate_id uuid PRIMARY KEY, version bigint NOT NULL)")
    aggregates = [uuid4() for _ in range(AGGREGATES)]
    for aggregate in aggregates:
        bench.rows("INSERT INTO aggregates VALUES (:id, 0)", id=aggregate)

    def write(_):
        for _ in range(EACH):
            guard = OncePerMessage("writer", str(uuid4()))  # It writes first: the transaction has its number before the lock.
            bench.work(subjects.VISITOR, guard=guard).change(change_aggregate, aggregate=random.choice(aggregates))

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))


class TestTheRelay:
    """M-05: it polls while eight writers commit out of order."""

    def test_misses_no_row_doubles_none_and_keeps_the_order_of_each_aggregate(self, make_probe, make_bench, servers):
        sender = make_probe("accounts")
        bench = make_bench(sender.database_url)
        with wire_of(servers, sender.vhost) as wire:
            declare_queues_of_listeners(wire)
            sender.start()

            write_facts(bench)

            wait_for(lambda: unpublished_count(bench) == 0, 60)
            published = wire.messages()
        assert len({each.properties["message_id"] for each in published}) == len(published) == FACTS
        assert order_violations(versions_of(published)) == 0


class Cursor(Background):
    """A relay that remembers how far it came instead of marking rows. `poll` answers the rows after that."""

    def __init__(self, url):
        super().__init__()
        self.database = psycopg.connect(url, autocommit=True)
        self.seen = []  # (id, aggregate, version)

    def __exit__(self, *error):
        super().__exit__(*error)
        self.turn()
        self.database.close()

    def turn(self):
        self.seen += self.poll()

    def poll(self):
        raise NotImplementedError


class IdCursor(Cursor):
    """`id > last`: blind to the row that commits after one with a higher number."""

    last = 0

    def poll(self):
        rows = self.database.execute(
            "SELECT id, aggregate_id, (payload ->> 'issue')::bigint FROM outbox WHERE id > %s ORDER BY id", [self.last]
        ).fetchall()
        self.last = rows[-1][0] if rows else self.last
        return rows


class TransactionCursor(Cursor):
    """Below the oldest transaction that still runs: blind to none, but transactions do not lock in their numbers' order."""

    last = ("0", 0)

    def poll(self):
        rows = self.database.execute(
            "SELECT id, aggregate_id, (payload ->> 'issue')::bigint, xid::text FROM outbox"
            " WHERE (xid, id) > (%s::xid8, %s) AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, id",
            self.last,
        ).fetchall()
        self.last = (rows[-1][3], rows[-1][0]) if rows else self.last
        return [row[:3] for row in rows]


class TestControls:
    """M-05's controls, on the same work."""

    def test_one_by_number_misses_rows_and_one_by_transaction_breaks_the_order(self, fresh_database, make_bench):
        bench = make_bench(fresh_database("accounts"))
        bench.rows("ALTER TABLE outbox ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id()")

        with IdCursor(bench.store.url) as by_number, TransactionCursor(bench.store.url) as by_transaction:
            write_facts(bench)

        missed = FACTS - len(by_number.seen)
        violations = order_violations(row[1:] for row in by_transaction.seen)
        print(f"of {FACTS} rows: by number {missed} missed; by transaction {violations} out of order")
        assert missed > 0
        assert violations > 0
