"""The operator's desk of one service: what is set aside, listed, run again, or given up."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.audit import record
from chassis.outgoing import relay_of
from chassis.permissions import is_operator
from chassis.serve import serves
from chassis.subject import Subject
from chassis.tables import outbox, parked
from contracts import catalogue
from contracts.errors import Forbidden
from contracts.parked import ParkedMessageNotFound
from contracts.vocabulary import SERVICES

RELAYS = frozenset(relay_of(service) for service in SERVICES)


def check_is_operator(subject: Subject) -> None:
    if not is_operator(subject):
        raise Forbidden()


def list_parked(session: Session, subject: Subject, *, limit: int) -> dict[str, Any]:
    """Messages set aside, oldest first."""
    check_is_operator(subject)
    rows = session.execute(sa.select(parked).order_by(parked.c.first_seen_at, parked.c.parked_id).limit(limit)).mappings()
    return {"items": list(rows), "total_count": session.scalar(sa.select(sa.func.count()).select_from(parked))}


def replay_parked(session: Session, subject: Subject, *, parked_id: UUID | None, now: datetime) -> dict[str, Any]:
    """Make one message due now, or all the dead ones; a fact that its relay set aside is announced again."""
    check_is_operator(subject)
    which = parked.c.parked_id == parked_id if parked_id else parked.c.state == "dead"
    again = {"state": "waiting", "next_attempt_at": now, "first_seen_at": now, "attempt_count": 0, "claimed_at": None}
    rows = session.execute(sa.update(parked).where(which).values(again).returning(parked)).all()
    if parked_id and not rows:
        raise ParkedMessageNotFound()
    for row in rows:
        if row.handler in RELAYS:
            _announce_again(session, row, now)
        _record(session, subject, "replay_parked", row)
    return {"replayed_count": len(rows)}


def _announce_again(session: Session, row: Any, now: datetime) -> None:
    fact = {
        "message_id": UUID(row.message_id),
        "event": row.event,
        "aggregate_id": row.headers["aggregate_id"],
        "aggregate_version": row.headers.get("aggregate_version"),
        "payload": json.loads(row.body),
        "request_id": row.headers.get("request_id"),
        "created_at": now,
    }
    session.execute(sa.insert(outbox).values(fact))
    session.execute(sa.delete(parked).where(parked.c.parked_id == row.parked_id))
    session.info["announced"] = True


def discard_parked(session: Session, subject: Subject, *, parked_id: UUID) -> None:
    """Give one message up for ever."""
    check_is_operator(subject)
    row = session.execute(sa.delete(parked).where(parked.c.parked_id == parked_id).returning(parked)).one_or_none()
    if row is None:
        raise ParkedMessageNotFound()
    _record(session, subject, "discard_parked", row)


def _record(session: Session, subject: Subject, action: str, row: Any) -> None:
    """A line of audit with what the row was, as the row itself may be gone."""
    facts = {"message_id": row.message_id, "event": row.event, "reason": row.reason}
    record(session, subject, action, about=row.handler, parked_id=str(row.parked_id), **facts)


def parked_desk(service: str) -> type:
    """The operator's three operations of one service, as a class to inherit from."""
    methods = catalogue.methods()

    class ParkedDesk:
        @serves(methods[f"{service}.list_parked"])
        def list_parked(self, **request: Any) -> Any:
            return self.db.read(list_parked, **request)  # type: ignore[attr-defined]

        @serves(methods[f"{service}.replay_parked"])
        def replay_parked(self, **request: Any) -> Any:
            return self.db.change(replay_parked, **request)  # type: ignore[attr-defined]

        @serves(methods[f"{service}.discard_parked"])
        def discard_parked(self, **request: Any) -> Any:
            return self.db.change(discard_parked, **request)  # type: ignore[attr-defined]

    return ParkedDesk
