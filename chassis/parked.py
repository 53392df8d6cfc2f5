"""Messages set aside: waiting for their next attempt on a schedule, to be run alone, or dead until an operator decides.

Independent of the broker's own redelivery, so that a failing message neither spins nor stops its queue.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import metrics
from chassis.ids import new_id
from chassis.tables import parked
from chassis.wire import LARGEST_BODY

SCHEDULE = (1, 5, 30, 300, 1800)  # Seconds before the first attempts; then every hour.
HOURLY = 3600
GIVEN_UP_AFTER = timedelta(hours=24)
LEASE = timedelta(seconds=60)
KILLS = "its process ended while it ran alone"
KEPT_BYTES = 64 * 1024  # Of a body that is too large to be a message of ours.


@dataclass
class Received:
    """One event's message as it came, whether from the broker or from the table."""

    handler: str  # `service.handler`
    body: bytes
    content_type: str | None
    headers: dict[str, Any] = field(default_factory=dict)
    message_id: str | None = None
    event: str | None = None
    attempt_count: int = 0
    parked_id: UUID | None = None  # Where it comes from the table.

    @property
    def key(self) -> str:
        """What tells it from others: its id, or its body's hash where it came without one."""
        return self.message_id or f"sha256:{hashlib.sha256(self.body).hexdigest()}"


def next_attempt(attempt_count: int, first_seen_at: datetime, now: datetime) -> datetime | None:
    """When to try again after so many attempts; None when it is time to give up."""
    if now - first_seen_at >= GIVEN_UP_AFTER:
        return None
    seconds = SCHEDULE[attempt_count - 1] if attempt_count <= len(SCHEDULE) else HOURLY
    return now + timedelta(seconds=seconds)


def park(session: Session, received: Received, *, reason: str, may_heal: bool, must_be_alone: bool = False, now: datetime) -> str:
    """Set a message aside, or count one more attempt of one set aside; answers its state."""
    attempts = received.attempt_count + 1
    first_seen_at = session.scalar(_one(received, parked.c.first_seen_at)) or now
    at = next_attempt(attempts, first_seen_at, now) if may_heal else None
    state = "alone" if must_be_alone else "waiting" if at else "dead"
    changed = {
        "state": state,
        "reason": reason[:2000],
        "attempt_count": attempts,
        "next_attempt_at": at,
        "claimed_at": None,
    }
    row = {
        "parked_id": new_id(),
        "handler": received.handler,
        "message_id": _storable(received.key),
        "event": received.event and _storable(received.event),
        "headers": {_storable(key): _storable(str(value)) for key, value in received.headers.items()},
        "content_type": received.content_type and _storable(received.content_type),
        "body": received.body if len(received.body) <= LARGEST_BODY else received.body[:KEPT_BYTES],
        "first_seen_at": now,
        **changed,
    }
    session.execute(insert(parked).values(row).on_conflict_do_update(constraint="uq_parked_handler_message_id", set_=changed))
    metrics.messages_parked.labels(handler=received.handler, state=state).inc()
    return state


def forget(session: Session, received: Received) -> None:
    """Its effect is there: it is no longer set aside."""
    session.execute(sa.delete(parked).where(_is(received)))


def claim_due(session: Session, *, now: datetime, limit: int = 20) -> list[Received]:
    """Take what is due, oldest first; a claim that never ends is due again after the lease, and is then to be run alone."""
    is_due = (parked.c.state == "waiting") & (parked.c.next_attempt_at <= now)
    never_ended = sa.update(parked).where(is_due, parked.c.claimed_at.is_not(None))
    session.execute(never_ended.values(state="alone", next_attempt_at=None, claimed_at=None))
    due = (
        sa.select(parked.c.parked_id)
        .where(is_due)
        .order_by(parked.c.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = sa.update(parked).where(parked.c.parked_id.in_(due)).values(next_attempt_at=now + LEASE, claimed_at=now)
    return [_received(row) for row in session.execute(claimed.returning(parked))]


def next_alone(session: Session) -> Received | None:
    """The oldest message that is to be run with no other."""
    oldest = sa.select(parked).where(parked.c.state == "alone").order_by(parked.c.first_seen_at, parked.c.parked_id).limit(1)
    row = session.execute(oldest).one_or_none()
    return _received(row) if row else None


def claim_alone(session: Session, received: Received) -> bool:
    """Call it dead before it runs, so that this is what it is if it ends the process; False when somebody else has it."""
    mine = (parked.c.parked_id == received.parked_id) & (parked.c.state == "alone")
    dead = {"state": "dead", "reason": KILLS, "next_attempt_at": None, "claimed_at": None}
    return session.execute(sa.update(parked).where(mine).values(dead)).rowcount == 1  # type: ignore[attr-defined]


def _is(received: Received) -> sa.ColumnElement[bool]:
    if received.parked_id:
        return parked.c.parked_id == received.parked_id
    return (parked.c.handler == received.handler) & (parked.c.message_id == _storable(received.key))


def _storable(text: str) -> str:
    """Text that PostgreSQL takes: a message of anybody may hold what it does not."""
    return text.replace("\x00", "�").encode("utf-8", "replace").decode()


def _one(received: Received, column: sa.Column) -> sa.Select:
    return sa.select(column).where(_is(received))


def _received(row: Any) -> Received:
    return Received(
        handler=row.handler,
        body=bytes(row.body),
        content_type=row.content_type,
        headers=row.headers,
        message_id=row.message_id,
        event=row.event,
        attempt_count=row.attempt_count,
        parked_id=row.parked_id,
    )
