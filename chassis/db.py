"""Database access: one transaction per change, committed here and nowhere else; reads on autocommit.

`Work` is what entrypoints hold as `self.db`. Actions receive a session, the subject and, where their signature asks for it,
`now`: the database's time, read once.
"""

import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from psycopg import errors as pg
from sqlalchemy import exc
from sqlalchemy.orm import Session

from chassis import metrics
from chassis.clock import read_offset, unix_now, wall
from chassis.context import Answer, Context
from chassis.wire import dump_result
from contracts.errors import DeadlineHasPassed, Unavailable

STATEMENT_SECONDS = 5.0
LOCK_SECONDS = 2.0
RESTED_SECONDS = 1.0
POOL_WAIT_SECONDS = 1.5  # Shorter than the 2 s within which a full pool is answered 503.
_TRANSIENT = (pg.DeadlockDetected, pg.SerializationFailure, pg.LockNotAvailable, pg.QueryCanceled, pg.TooManyConnections)


class DatabaseIsDown(Unavailable):
    """Le service est momentanément indisponible ; réessayez dans quelques instants."""


class DatabaseIsBusy(Unavailable):
    """Le service est très sollicité ; réessayez dans quelques instants."""


def driver_url(url: str) -> str:
    """SQLAlchemy's spelling of a postgresql:// URL."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


def connect_arguments(name: str) -> dict[str, Any]:
    """Time-outs of each connection: none waits for ever, and a vanished peer is noticed."""
    guards = f"-c statement_timeout={int(STATEMENT_SECONDS * 1000)} -c lock_timeout={int(LOCK_SECONDS * 1000)}"
    return {
        "connect_timeout": 2,
        "application_name": name,
        "options": f"{guards} -c idle_in_transaction_session_timeout=30000 -c timezone=UTC",
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 5000,
    }


@cache
def _wants_now(action: Callable[..., Any]) -> bool:
    return "now" in inspect.signature(action).parameters


class Store:
    """One service's database: a pool of `pool_size` for transactions, one of two less for reads on autocommit.

    Two pools, as to change a connection from one use to the other at each checkout costs as much as a statement.
    """

    def __init__(self, url: str, name: str, *, clock_offset_file: Path | None = None, pool_size: int = 10) -> None:
        self.name = name
        self.url = url
        self.clock_offset_file = clock_offset_file
        self.engine = _engine(url, name, pool_size)
        self.reader = _engine(url, name, max(2, pool_size - 2), isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True)
        self.on_announced: Callable[[], None] = lambda: None

    def now_from(self, instant: datetime) -> datetime:
        """A database's instant, shifted where tests may."""
        return instant + read_offset(self.clock_offset_file)

    @contextmanager
    def transaction(self, context: Context | None = None) -> Iterator[tuple[Session, datetime]]:
        """A session and the time; committed at the end unless the deadline has passed."""
        seconds = context.seconds_left(STATEMENT_SECONDS) if context else STATEMENT_SECONDS
        if seconds <= 0:
            raise DeadlineHasPassed()
        with refusing_outages(), Session(self.engine, expire_on_commit=False) as session, session.begin():
            session.info["request_id"] = context.request_id if context else None
            asked_at = time.monotonic()
            _, instant = session.execute(
                sa.text("SELECT set_config('statement_timeout', :milliseconds, true), clock_timestamp()"),
                {"milliseconds": str(max(1, int(seconds * 1000)))},
            ).one()
            wall.tell(instant, asked_at=asked_at, answered_at=time.monotonic())
            now = session.info["now"] = self.now_from(instant)
            yield session, now
            session.flush()
            if context and context.deadline and unix_now() > context.deadline:
                raise DeadlineHasPassed()
        if session.info.get("announced"):
            self.on_announced()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session on autocommit: each statement sees what is committed when it starts."""
        with refusing_outages(), Session(self.reader, expire_on_commit=False) as session:
            yield session

    def read_now(self, session: Session) -> datetime:
        """The time, for reads that need it."""
        return self.now_from(session.scalar(sa.text("SELECT clock_timestamp()")))  # type: ignore[arg-type]

    def ping(self) -> None:
        """Ask for one row; raises when the database does not answer."""
        with self.reader.connect() as connection:
            connection.execute(sa.text("SELECT 1"))

    def close(self) -> None:
        """Close what is idle in both pools."""
        self.engine.dispose()
        self.reader.dispose()


def _engine(url: str, name: str, pool_size: int, **options: Any) -> sa.Engine:
    engine = sa.create_engine(
        driver_url(url),
        connect_args=connect_arguments(name),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_recycle=600,
        hide_parameters=True,  # Addresses and names are not for logs.
        **options,
    )

    @sa.event.listens_for(engine, "checkin")
    def rests(_connection: Any, record: Any) -> None:
        record.info["rests_since"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def prove(connection: Any, record: Any, _proxy: Any) -> None:
        """Ask a connection that has rested whether it still lives: one that was used just now costs no question."""
        if time.monotonic() - record.info.get("rests_since", float("inf")) > RESTED_SECONDS:
            try:
                engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error:
                raise exc.InvalidatePoolError() from None  # Another one is made, and all that are older go.

    return engine


@contextmanager
def refusing_outages() -> Iterator[None]:
    """Turn what the database could not do now into a refusal that says to try again."""
    try:
        yield
    except exc.TimeoutError:
        metrics.database_refusals.labels(reason="pool").inc()
        raise DatabaseIsBusy() from None
    except exc.DBAPIError as error:
        if isinstance(error.orig, _TRANSIENT):
            metrics.database_refusals.labels(reason=type(error.orig).__name__).inc()
            raise DatabaseIsBusy() from error
        if error.connection_invalidated or isinstance(error, exc.OperationalError | exc.InterfaceError):
            metrics.database_refusals.labels(reason="down").inc()
            raise DatabaseIsDown() from error
        raise


class Work:
    """The database as one piece of work sees it."""

    def __init__(self, store: Store, context: Context) -> None:
        self._store = store
        self._context = context

    def change(self, action: Callable[..., Any], **request: Any) -> Answer | None:
        """Run an action in one transaction, once for its cause; answer what its method gives."""
        guard, method = self._context.guard, self._context.method
        with self._store.transaction(self._context) as (session, now):
            if guard:
                guard.open(session, now)
            result = self._run(action, session, now, request)
            session.flush()
            answer = dump_result(method, result) if method else None
            if guard:
                guard.close(session, answer)
        return None if answer is None else Answer(answer)

    def step(self, action: Callable[..., Any], **request: Any) -> Any:
        """Run an action in one transaction that is not the last of its cause: true again when repeated."""
        with self._store.transaction(self._context) as (session, now):
            return self._run(action, session, now, request)

    def read(self, action: Callable[..., Any], **request: Any) -> Any:
        """Run an action that only reads, on autocommit; answer what its method gives."""
        with self._store.reading() as session:
            now = self._store.read_now(session) if _wants_now(action) else None
            result = self._run(action, session, now, request)
            method = self._context.method
            return Answer(dump_result(method, result) or {}) if method else result

    def _run(self, action: Callable[..., Any], session: Session, now: datetime | None, request: dict[str, Any]) -> Any:
        if _wants_now(action):
            request = {**request, "now": now}
        return action(session, self._context.subject, **request)
