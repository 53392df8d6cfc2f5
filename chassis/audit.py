"""Who did what, when: lines that are written with the change they tell of, and never changed."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.subject import Subject
from chassis.tables import audit


def record(session: Session, subject: Subject, action: str, *, about: str, **facts: Any) -> None:
    """Write one line into this transaction. `about` names what was acted on; facts are ids and numbers, nothing personal."""
    row = {
        "at": session.info["now"],
        "subject": subject.name,
        "action": action,
        "about": about,
        "facts": facts,
        "request_id": session.info.get("request_id"),
    }
    session.execute(sa.insert(audit).values(row))
