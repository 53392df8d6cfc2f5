"""Facts written beside the changes that they announce. Lock the aggregate's row first: then its facts keep their order."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.ids import new_id
from chassis.tables import outbox
from contracts.event import Event


def announce(session: Session, event: Event, *, aggregate_version: int | None = None, **facts: Any) -> None:
    """Write one fact into the outbox of this transaction; the relay publishes it after the commit.

    `aggregate_version` gates projections: given for the events that are versioned, and for them alone.
    """
    payload = event.carries().dump(facts)
    if event.is_versioned != (aggregate_version is not None):
        raise TypeError(f"{event.name} is {'' if event.is_versioned else 'not '}versioned")
    missing = set(event.carries._declared_fields) - set(facts)
    if missing or set(facts) - set(event.carries._declared_fields):
        raise TypeError(f"{event.name} carries {sorted(event.carries._declared_fields)}, not {sorted(facts)}")
    session.execute(
        sa.insert(outbox).values(
            message_id=new_id(),
            event=event.name,
            aggregate_id=str(facts[event.about]),
            aggregate_version=aggregate_version,
            payload=payload,
            request_id=session.info.get("request_id"),
            created_at=session.info["now"],
        )
    )
    session.info["announced"] = True
