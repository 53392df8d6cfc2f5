"""The operator's desk of one service: what is set aside, listed, run again, or given up."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.permissions import is_operator
from chassis.serve import serves
from chassis.subject import Subject
from chassis.tables import parked
from contracts import catalogue
from contracts.errors import Forbidden
from contracts.parked import ParkedMessageNotFound


def check_is_operator(subject: Subject) -> None:
    if not is_operator(subject):
        raise Forbidden()


def list_parked(session: Session, subject: Subject, *, limit: int) -> dict[str, Any]:
    """Messages set aside, oldest first."""
    check_is_operator(subject)
    rows = session.execute(sa.select(parked).order_by(parked.c.first_seen_at, parked.c.parked_id).limit(limit)).mappings()
    return {"items": list(rows), "total_count": session.scalar(sa.select(sa.func.count()).select_from(parked))}


def replay_parked(session: Session, subject: Subject, *, parked_id: UUID | None, now: datetime) -> dict[str, Any]:
    """Make one message due now, or all the dead ones."""
    check_is_operator(subject)
    which = parked.c.parked_id == parked_id if parked_id else parked.c.state == "dead"
    again = {"state": "waiting", "next_attempt_at": now, "first_seen_at": now, "attempt_count": 0}
    count = session.execute(sa.update(parked).where(which).values(again)).rowcount  # type: ignore[attr-defined]
    if parked_id and not count:
        raise ParkedMessageNotFound()
    return {"replayed_count": count}


def discard_parked(session: Session, subject: Subject, *, parked_id: UUID) -> None:
    """Give one message up for ever."""
    check_is_operator(subject)
    if not session.execute(sa.delete(parked).where(parked.c.parked_id == parked_id)).rowcount:  # type: ignore[attr-defined]
        raise ParkedMessageNotFound()


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
