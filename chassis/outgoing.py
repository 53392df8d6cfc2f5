"""What the relay asks of the outbox: which facts come next, which the broker has, which cannot become messages."""

from collections.abc import Iterable
from typing import Any

import psycopg

from chassis.ids import new_id

BATCH = 50
MOST_FAILURES = 5

Database = psycopg.Connection[Any]

_NEXT = """
SELECT id, message_id, event, aggregate_id, aggregate_version, payload, request_id FROM outbox AS next
WHERE published_at IS NULL AND event <> ALL(%s) AND id <> ALL(%s) AND NOT EXISTS (
    SELECT FROM outbox AS former
    WHERE former.published_at IS NULL AND former.aggregate_id = next.aggregate_id AND former.id < next.id)
ORDER BY id LIMIT %s"""

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
    """The next rows in order, each aggregate's oldest only: one that is held or given back is not overtaken by its next fact.

    `held_back` names events, `resting` the ids of rows, that are left for later.
    """
    return database.execute(_NEXT, [list(held_back), list(resting), limit]).fetchall()


def mark_published(database: Database, ids: list[int], shift_seconds: float) -> None:
    """Only rows that the broker has confirmed."""
    database.execute(
        "UPDATE outbox SET published_at = clock_timestamp() + make_interval(secs => %s) WHERE id = ANY(%s)", [shift_seconds, ids]
    )


def count_failure(database: Database, row_id: int) -> int:
    """One more time that this row could not be made a message; answers how many there were."""
    statement = "UPDATE outbox SET failure_count = failure_count + 1 WHERE id = %s RETURNING failure_count"
    return database.execute(statement, [row_id]).fetchone().failure_count  # type: ignore[union-attr]


def set_aside(database: Database, row_id: int, service: str, reason: str) -> None:
    """Out of the way of its aggregate's next facts, to the messages that wait for an operator."""
    values = {"id": row_id, "most": MOST_FAILURES, "parked_id": new_id(), "handler": relay_of(service), "reason": reason}
    database.execute(_SET_ASIDE, values)
