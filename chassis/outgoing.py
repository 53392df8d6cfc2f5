"""What the relay asks of the outbox: which facts come next, which the broker has, which cannot become messages."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any

import psycopg

from chassis.ids import new_id

BATCH = 50
MOST_FAILURES = 5

Database = psycopg.Connection[Any]

# Each aggregate's oldest row, then what follows it as far as the batch has room: `wave` counts within the aggregate.
_NEXT = """
WITH heads AS (
    SELECT id, aggregate_id FROM outbox AS next
    WHERE published_at IS NULL AND event <> ALL(%(held_back)s) AND id <> ALL(%(resting)s) AND NOT EXISTS (
        SELECT FROM outbox AS former
        WHERE former.published_at IS NULL AND former.aggregate_id = next.aggregate_id AND former.id < next.id)
    ORDER BY id LIMIT %(limit)s)
SELECT next.* FROM heads CROSS JOIN LATERAL (
    SELECT mine.*, row_number() OVER (ORDER BY id) AS wave FROM (
        SELECT id, message_id, event, aggregate_id, aggregate_version, payload, request_id FROM outbox
        WHERE published_at IS NULL AND aggregate_id = heads.aggregate_id
        ORDER BY id LIMIT (SELECT ceil(%(limit)s::numeric / greatest(count(*), 1)) FROM heads)) AS mine) AS next
ORDER BY wave, id LIMIT %(limit)s"""

_SET_ASIDE = """
WITH gone AS (DELETE FROM outbox WHERE id = %(id)s AND failure_count >= %(most)s RETURNING *)
INSERT INTO parked (parked_id, handler, message_id, event, headers, body, state, reason, attempt_count, first_seen_at)
SELECT %(parked_id)s, %(handler)s, message_id::text, event,
    jsonb_strip_nulls(jsonb_build_object(
        'aggregate_id', aggregate_id, 'aggregate_version', aggregate_version, 'request_id', request_id)),
    convert_to(payload::text, 'UTF8'), 'dead', %(reason)s, failure_count, created_at FROM gone
RETURNING parked_id"""


def relay_of(service: str) -> str:
    """The name under which a service's own facts are set aside, beside its handlers'."""
    return f"{service}.relay"


def unpublished(database: Database, limit: int = BATCH, held_back: Iterable[str] = (), resting: Iterable[int] = ()) -> list[Any]:
    """The next rows: first each aggregate's oldest, then their next ones where there is room, so that none holds up the others.

    `held_back` names events, `resting` the ids of rows, that are left for later; their aggregates wait with them.
    """
    held_back, resting = list(held_back), list(resting)
    rows = candidates(database, limit, held_back, resting)
    waiting = {row.aggregate_id: row.wave for row in reversed(rows) if row.event in held_back or row.id in resting}
    return [row for row in rows if row.wave < waiting.get(row.aggregate_id, row.wave + 1)]


def candidates(database: Database, limit: int, held_back: list[str], resting: list[int]) -> list[Any]:
    """One batch's rows, of aggregates whose oldest row may go now."""
    return database.execute(_NEXT, {"held_back": held_back, "resting": resting, "limit": limit}).fetchall()


def waves(rows: list[Any]) -> Iterator[list[Any]]:
    """The rows of one batch in groups that hold one of each aggregate: a group is published when the former one is safe."""
    return (list(group) for _, group in groupby(rows, key=attrgetter("wave")))


def mark_published(database: Database, ids: list[int], shift_seconds: float) -> None:
    """Only rows that the broker has confirmed."""
    database.execute(
        "UPDATE outbox SET published_at = statement_timestamp() + make_interval(secs => %s) WHERE id = ANY(%s)",
        [shift_seconds, ids],
    )


def count_failure(database: Database, row_id: int) -> int:
    """One more time that this row could not be made a message; answers how many there were."""
    statement = "UPDATE outbox SET failure_count = failure_count + 1 WHERE id = %s RETURNING failure_count"
    return database.execute(statement, [row_id]).fetchone().failure_count  # type: ignore[union-attr]


def set_aside(database: Database, row_id: int, service: str, reason: str) -> None:
    """Out of the way of its aggregate's next facts, to the messages that wait for an operator."""
    values = {"id": row_id, "most": MOST_FAILURES, "parked_id": new_id(), "handler": relay_of(service), "reason": reason}
    database.execute(_SET_ASIDE, values)
