"""M-10: an outbox full of what was published long ago: the relay's poll does not read it, the purge empties it."""

import time
from datetime import timedelta

import psycopg
import pytest
from psycopg.rows import namedtuple_row

from chassis.outgoing import unpublished
from chassis.testing.database import Bench
from tests.chassis.conftest import wait_for
from tests.chassis.facts import announce_facts
from tests.sizes import sized

PUBLISHED = sized(200_000, 1_000_000)
POLLS, WAITING = 200, 100
PURGED_SECONDS = sized(60, 180)
FILL = """
INSERT INTO outbox (message_id, event, aggregate_id, payload, created_at, published_at)
SELECT gen_random_uuid(), 'accounts.email_confirmed', (n %% 1000)::text, '{"account_id": "0"}',
    now() - n * %(span)s / %(count)s, now() - n * %(span)s / %(count)s FROM generate_series(1, %(count)s) AS n"""
COUNT_OLD = "SELECT count(*) FROM outbox WHERE published_at < now() - interval '7 days'"


@pytest.fixture
def probe(make_probe):
    """Not started; two weeks of facts in its outbox, half of them older than a published fact is kept."""
    probe = make_probe("accounts")
    with psycopg.connect(probe.database_url) as database:
        database.execute(FILL, {"count": PUBLISHED, "span": timedelta(days=14)})
    return probe


@pytest.fixture
def database(probe):
    with psycopg.connect(probe.database_url, autocommit=True, row_factory=namedtuple_row) as database:
        yield database


class Explaining:
    """A connection that answers how it would find the rows instead of the rows."""

    def __init__(self, database):
        self._database = database

    def execute(self, statement, values):
        return self._database.execute(f"EXPLAIN {statement}", values)


def plan_of_poll(database):
    return "\n".join(row[0] for row in unpublished(Explaining(database)))


def seconds_of_polls(database):
    """How long each of many polls takes, sorted."""
    seconds = []
    for _ in range(POLLS):
        began = time.perf_counter()
        unpublished(database)
        seconds.append(time.perf_counter() - began)
    return sorted(seconds)


@pytest.mark.soak
class TestTheRelaysPoll:
    def test_reads_no_row_that_was_published(self, probe, database, tmp_path):
        bench = Bench(probe.database_url, "accounts", tmp_path / "clock")
        plans = [plan_of_poll(database)]
        idle = seconds_of_polls(database)
        announce_facts(bench, WAITING)
        plans.append(plan_of_poll(database))
        database.execute("ANALYZE outbox")
        plans.append(plan_of_poll(database))
        busy = seconds_of_polls(database)
        bench.close()

        for name, seconds in (("idle", idle), (f"{WAITING} rows waiting", busy)):
            print(f"{PUBLISHED} published rows, {name}: p99 {seconds[int(POLLS * 0.99)] * 1000:.1f} ms of {POLLS} polls")
        for plan in plans:
            assert "ix_outbox_unpublished" in plan
            assert "Seq Scan on outbox" not in plan

    def test_control_without_its_indexes_reads_them_all(self, database):
        database.execute("DROP INDEX ix_outbox_unpublished, ix_outbox_unpublished_aggregate")

        assert "Seq Scan on outbox" in plan_of_poll(database)


@pytest.mark.soak
class TestThePurge:
    def test_deletes_in_one_turn_all_that_is_older_than_a_week(self, probe):
        kept = PUBLISHED - probe.rows(COUNT_OLD)[0][0]
        assert 0 < kept < PUBLISHED
        probe.program = "tests.chassis.crashing"
        probe.environment["PROBE_FAULT"] = "purges_soon"

        probe.start()

        wait_for(lambda: probe.rows(COUNT_OLD) == [(0,)], PURGED_SECONDS, probe.log.read_text)
        assert kept * 0.99 < probe.rows("SELECT count(*) FROM outbox")[0][0] <= kept
