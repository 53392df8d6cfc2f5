"""What makes a change happen once: the caller's idempotency key, or the event's message id, written with the change."""

import hashlib
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.context import AlreadyDone
from chassis.tables import applied_versions, idempotent_results, inbox
from contracts.errors import KeyReusedForAnotherRequest


class OncePerKey:
    """A call repeated with its key is answered with the first result; with another body it is refused.

    The key is kept hashed with who asks and what, for a day. A second call that comes while the first is still running
    waits for it on the unique key.
    """

    def __init__(self, method: str, subject: str, key: str, body: bytes) -> None:
        self._key_hash = hashlib.sha256(f"{method}|{subject}|{key}".encode()).digest()
        # With the key, as a body may hold a password: nobody guesses it from the hash without knowing the key.
        self._body_hash = hashlib.sha256(key.encode() + b"|" + body).digest()

    def open(self, session: Session, now: datetime) -> None:
        row = {"key_hash": self._key_hash, "body_hash": self._body_hash, "created_at": now}
        statement = insert(idempotent_results).values(row).on_conflict_do_nothing().returning(idempotent_results.c.created_at)
        if session.scalar(statement):
            return
        known = session.execute(self._row()).one()
        if bytes(known.body_hash) != self._body_hash:
            raise KeyReusedForAnotherRequest()
        raise AlreadyDone(known.result)

    def close(self, session: Session, result: dict[str, Any] | None) -> None:
        table = idempotent_results
        session.execute(sa.update(table).where(table.c.key_hash == self._key_hash).values(result=result))

    def _row(self) -> sa.Select:
        return sa.select(idempotent_results).where(idempotent_results.c.key_hash == self._key_hash)


class OncePerMessage:
    """An event has one effect per handler, however often it is delivered."""

    def __init__(self, handler: str, message_id: str) -> None:
        self._row = {"handler": handler, "message_id": message_id}

    def open(self, session: Session, now: datetime) -> None:
        statement = insert(inbox).values(**self._row, handled_at=now).on_conflict_do_nothing().returning(inbox.c.handled_at)
        if not session.scalar(statement):
            raise AlreadyDone()

    def close(self, session: Session, result: dict[str, Any] | None) -> None:
        """Nothing to remember but that it happened."""


class Superseded(AlreadyDone):
    """A newer state of the same aggregate was applied before."""


class NewestOfAggregate(OncePerMessage):
    """A projection takes an aggregate's states in any order and ends at the newest: an older one is skipped."""

    def __init__(self, handler: str, message_id: str, aggregate_id: str, version: int) -> None:
        super().__init__(handler, message_id)
        self._version = {"handler": handler, "aggregate_id": aggregate_id, "version": version}

    def open(self, session: Session, now: datetime) -> None:
        super().open(session, now)
        table, statement = applied_versions, insert(applied_versions).values(self._version)
        newer = statement.on_conflict_do_update(
            constraint=table.primary_key,
            set_={"version": statement.excluded.version},
            where=table.c.version < statement.excluded.version,
        )
        if not session.scalar(newer.returning(table.c.handler)):
            raise Superseded()
