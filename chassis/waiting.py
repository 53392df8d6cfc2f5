"""What waits in one database, counted for operators: facts not published yet, messages set aside."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import metrics
from chassis.tables import PARKED_STATES, outbox, parked


def count(session: Session) -> None:
    """Set the metrics to what the tables hold now."""
    unpublished = sa.select(sa.func.count()).select_from(outbox).where(outbox.c.published_at.is_(None))
    metrics.outbox_unpublished.set(session.scalar(unpublished) or 0)
    rows = session.execute(sa.select(parked.c.state, sa.func.count()).group_by(parked.c.state)).tuples()
    found: dict[str, int] = dict(rows.all())
    for state in PARKED_STATES:
        metrics.parked_messages.labels(state=state).set(found.get(state, 0))
