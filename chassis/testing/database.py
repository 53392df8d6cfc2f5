"""Real databases for tests of actions and queries: a store on a fresh database, and what stands in its outbox."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from chassis.context import Context
from chassis.db import Store, Work
from chassis.guards import OncePerKey
from chassis.subject import Subject
from chassis.tables import outbox
from contracts.method import Method


class Bench:
    """One service's database under test. `clock` shifts its time."""

    def __init__(self, url: str, service: str, clock: Path) -> None:
        self.clock = clock
        self.store = Store(url, service, clock_offset_file=clock, pool_size=20)

    def act(self, action: Callable[..., Any], subject: Subject, **request: Any) -> Any:
        """Run an action in a transaction of its own, as `self.db.step` does; answers what the action returns."""
        return self.work(subject).step(action, **request)

    def read(self, action: Callable[..., Any], subject: Subject, **request: Any) -> Any:
        """Run an action that reads, as `self.db.read` does."""
        return self.work(subject).read(action, **request)

    def change(self, action: Callable[..., Any], subject: Subject, method: Method, key: str, **request: Any) -> Any:
        """Run an action as a call with an idempotency key does; answers the dumped result."""
        guard = OncePerKey(method.name, subject.name, key, repr(sorted(request.items())).encode())
        return self.work(subject, method=method, guard=guard).change(action, **request)

    def work(self, subject: Subject, **context: Any) -> Work:
        return Work(self.store, Context(subject=subject, request_id="test", cause="test", **context))

    def announced(self, name: str | None = None) -> list[dict[str, Any]]:
        """Payloads in the outbox, in order, of one event or of all."""
        statement = sa.select(outbox.c.payload).order_by(outbox.c.id)
        if name:
            statement = statement.where(outbox.c.event == name)
        with self.store.reading() as session:
            return list(session.scalars(statement))

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """Rows of a statement, committed if it writes."""
        with self.store.engine.begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return list(result) if result.returns_rows else []

    def move_clock(self, by: timedelta) -> None:
        """Shift the service's time from now on."""
        self.clock.write_text(str(by.total_seconds()), encoding="ascii")

    def close(self) -> None:
        self.store.close()
