"""Facts from the outbox to a quorum queue, and on to their effects."""

import time

import psycopg

from tests.bench.measure import Measure, generated, take_turns
from tests.bench.raw import connect
from tests.bench.report import rows_of

QUEUE = "notifications.email_confirmation_link"
MANY, FEW, AGGREGATES = 2000, 600, 10
ROUNDS = 2
PATIENCE = 60.0
FACTS = """
INSERT INTO outbox (message_id, event, aggregate_id, payload, created_at)
SELECT gen_random_uuid(), 'accounts.email_confirmation_requested', about,
       jsonb_build_object('account_id', about, 'confirmation_id', gen_random_uuid(), 'issue', 0), clock_timestamp()
FROM (SELECT number, md5(%(salt)s || (number %% %(aggregates)s))::uuid::text AS about
      FROM generate_series(1, %(facts)s) AS number) AS wanted
ORDER BY number
"""


def measure(place):
    """Rows of the relay alone, then of relay and listener, beside plain publishing."""
    publisher = place.generator("tests.bench.raw", "publish", place.broker_admin_url)
    hearer, sender = place.probe("notifications"), place.probe("accounts")
    hearer.stop()  # Its queues stand; nobody takes from them.
    alone = [
        published("one by one", publisher, 1),
        published("50 at once", publisher, 50, is_baseline=True),
        relayed(sender, MANY, MANY),
        relayed(sender, FEW, AGGREGATES),
    ]
    take_turns(alone, place.span, ROUNDS)
    purge(place)
    hearer.start()
    both = [published("50 at once", publisher, 50, is_baseline=True), handled(sender, hearer, MANY // 2)]
    take_turns(both, place.span, ROUNDS)
    return rows_of(alone) + rows_of(both)


def published(label, publisher, batch, *, is_baseline=False):
    pids = {"asks": publisher.pid}
    return generated(f"raw py-amqp, quorum, confirms, {label}", publisher, pids, is_baseline=is_baseline, batch=batch)


def relayed(sender, facts, aggregates):
    """From the commit of all these facts until the last is marked as published."""

    def run():
        with database(sender) as outbox:
            began = write_facts(outbox, facts, aggregates)
            wait_for(outbox, "SELECT count(*) FROM outbox WHERE published_at IS NULL", 0)
            return done(facts, began, outbox, "SELECT max(published_at) FROM outbox")

    return Measure(f"relayed, {facts} facts about {aggregates}", run, {"asks": sender.pid})


def handled(sender, hearer, facts):
    """From the commit of all these facts until the last of their effects."""

    def run():
        with database(sender) as outbox, database(hearer) as effects:
            effects.execute("TRUNCATE effects")
            began = write_facts(outbox, facts, facts)
            wait_for(effects, "SELECT count(*) FROM effects", facts)
            return done(facts, began, effects, "SELECT max(at) FROM effects")

    return Measure(f"relayed and handled, {facts} facts", run, {"asks": sender.pid, "serves": hearer.pid})


def database(probe):
    return psycopg.connect(probe.database_url, autocommit=True)


def write_facts(outbox, facts, aggregates):
    """Write them all in one transaction; answers the database's time after it."""
    outbox.execute(FACTS, {"facts": facts, "aggregates": aggregates, "salt": str(time.time())})
    return outbox.execute("SELECT clock_timestamp()").fetchone()[0]


def done(facts, began, watched, last):
    return {"count": facts, "seconds": (watched.execute(last).fetchone()[0] - began).total_seconds()}


def wait_for(watched, statement, wanted):
    """Look five times a second: the times that count stand in the rows."""
    end = time.monotonic() + PATIENCE
    while (found := watched.execute(statement).fetchone()[0]) != wanted:
        if time.monotonic() > end:
            raise RuntimeError(f"{found}, not {wanted}, after {PATIENCE} s: {statement}")
        time.sleep(0.2)


def purge(place):
    with connect(place.broker_admin_url) as connection:
        connection.channel().queue_purge(QUEUE)
