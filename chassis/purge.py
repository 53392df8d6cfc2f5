"""What is kept no longer than it serves: payloads hold personal data too."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.tables import audit, idempotent_results, inbox, outbox, parked

PURGE_SECONDS = 600.0
BATCH = 5000  # Rows at a time, so that no purge holds locks for long.
KEPT = (
    (outbox, outbox.c.published_at, timedelta(days=7)),
    (inbox, inbox.c.handled_at, timedelta(days=31)),  # No payload; longer than a message set aside, which may be replayed.
    (idempotent_results, idempotent_results.c.created_at, timedelta(hours=24)),
    (parked, parked.c.first_seen_at, timedelta(days=30)),
    (audit, audit.c.at, timedelta(days=365)),
)


def purge(session: Session, *, now: datetime) -> int:
    """Delete what is past its time, one batch a table; answers how many rows went."""
    session.execute(sa.text("SET LOCAL emplois.purging = 'on'"))  # Audit is append-only for everybody else.
    return sum(_purge(session, table, column, now - kept) for table, column, kept in KEPT)


def _purge(session: Session, table: sa.Table, column: sa.Column, before: datetime) -> int:
    keys = list(table.primary_key)
    old = sa.select(*keys).where(column < before).limit(BATCH)
    return session.execute(sa.delete(table).where(sa.tuple_(*keys).in_(old))).rowcount  # type: ignore[attr-defined]
