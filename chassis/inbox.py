"""`@handles(event)`: a handler that hears an event once per message, whatever happens on the way.

Outcomes: done, repeated or superseded (acknowledged); later (set aside with a time, acknowledged); dead (set aside for an
operator, acknowledged); database down (kept, not acknowledged, tried again with a growing wait). None of them stops the queue.
"""

import re
from functools import partial
from typing import Any
from uuid import uuid4

from marshmallow import ValidationError
from nameko.extensions import Entrypoint

from chassis import log, metrics
from chassis.backoff import waits
from chassis.context import AlreadyDone, Context
from chassis.db import DatabaseIsDown
from chassis.guards import NewestOfAggregate, OncePerMessage, Superseded
from chassis.host import Shares
from chassis.parked import Received, claim_alone, forget, park
from chassis.subject import service_subject
from chassis.wire import CallFailed, UnreadableMessage, decode
from contracts import catalogue
from contracts.errors import TooMany, Unavailable
from contracts.event import Event

_MAY_HEAL = (Unavailable, TooMany, CallFailed)

_log = log.get()


class Handles(Shares, Entrypoint):
    """Binds one or several events to a service's Python method; its name is part of a durable queue's name.

    `projects` says that the method keeps what the event carries as an aggregate's state: an older version is then skipped.
    """

    def __init__(self, *events: Event, projects: bool = False, **kwargs: Any) -> None:
        self.events = list(events)
        self.projects = projects
        super().__init__(**kwargs)

    @property
    def handler(self) -> str:
        return f"{self.container.service_name}.{self.method_name}"

    def setup(self) -> None:
        self.host.prepare()
        self.host.handling[self.handler] = self

    def stop(self) -> None:
        self.host.quiet()

    def take(self, message: Any) -> None:
        """Read a message from this handler's queue and run the handler on it."""
        received = _read(self.handler, message)
        self._run(received, partial(self.host.ack, message))

    def take_dead(self, message: Any) -> None:
        """Set aside what the broker gave up delivering to any handler of this service."""
        died_at = (message.headers or {}).get("x-death", [{}])[0]
        received = _read(died_at.get("queue", self.handler), message)
        why = died_at.get("reason", "unknown")
        metrics.messages_dead_lettered.labels(queue=received.handler, reason=why).inc()
        _log.error("event_dead_lettered", handler=received.handler, message_id=received.message_id, reason=why)
        # It may have been in hand beside the one that ended the process so often: run alone, it shows which it is.
        alone = why == "delivery_limit" and received.handler in self.host.handling
        self._set_aside_soon(received, partial(self.host.ack, message), f"the broker gave up: {why}", must_be_alone=alone)

    def take_parked(self, received: Received) -> None:
        """Run the handler on what was set aside."""
        self._run(received, lambda: None)

    def take_alone(self, received: Received) -> None:
        """Run the handler on what was set aside while no other event is in hand."""
        facts = self._readable(received, lambda: None)
        if facts is not None:
            self.host.hands.take_alone(partial(self.host.aside, partial(self._begin_alone, received, facts)))

    def _begin_alone(self, received: Received, facts: dict[str, Any]) -> None:
        with self.host.store.transaction() as (session, _):
            claimed = claim_alone(session, received)
        if claimed:
            self._begin(received, lambda: None, facts)
        else:
            self.host.hands.finished()

    def _run(self, received: Received, ack: Any) -> None:
        facts = self._readable(received, ack)
        if facts is not None:
            self.host.hands.take(partial(self.host.dispatch, partial(self._begin, received, ack, facts)))

    def _readable(self, received: Received, ack: Any) -> dict[str, Any] | None:
        """What the event carries; None when there is nothing to run, and the message is settled."""
        try:
            facts = self._facts(received)
        except UnreadableMessage as error:
            metrics.messages_unreadable.labels(queue=self.handler).inc()
            _log.error("event_unreadable", handler=self.handler, message_id=received.message_id, reason=str(error))
            self._set_aside_soon(received, ack, f"unreadable: {error}")
            return None
        if facts is None:
            _log.warning("event_unknown", handler=self.handler, message_id=received.message_id)
            self.host.aside(partial(self._finish, received, ack, "unknown"))
        return facts

    def _begin(self, received: Received, ack: Any, facts: dict[str, Any]) -> None:
        """Give a message to a worker; a hand was taken for it, and is given back when it is done."""
        context = Context(
            subject=service_subject(self.host.settings.name),
            request_id=_request_id(received),
            cause=f"{self.handler}|{received.message_id}",
            guard=self._guard(received),
        )
        done = partial(self._done, received, ack)
        self.container.spawn_worker(self, (), facts, context_data={"context": context}, handle_result=done)

    def _guard(self, received: Received) -> OncePerMessage:
        if not self.projects:
            return OncePerMessage(self.handler, str(received.message_id))
        return NewestOfAggregate(self.handler, str(received.message_id), *_aggregate(received))

    def _facts(self, received: Received) -> dict[str, Any] | None:
        if not received.message_id:
            raise UnreadableMessage("no message_id")
        body = decode(received.content_type, received.body)
        event = catalogue.events().get(received.event or "")
        if event is None or event.name not in {known.name for known in self.events}:
            return None
        if self.projects:
            _aggregate(received)
        try:
            return event.carries().load(body)  # type: ignore[return-value]
        except ValidationError as error:
            raise UnreadableMessage(f"not the fields of {event.name}: {sorted(error.messages)}") from None

    def _done(self, received: Received, ack: Any, worker: Any, result: Any, exc_info: Any) -> tuple[Any, Any]:
        error = exc_info[1] if exc_info else None
        try:
            self._conclude(received, ack, error)
        except Exception as failure:  # Nothing after the work may end the process, nor leave the message unsettled.
            _log.error("conclusion_failed", handler=self.handler, **log.describe(failure))
            self.host.aside(partial(self._conclude, received, ack, error))
        finally:
            self.host.hands.finished()
        return None, None

    def _conclude(self, received: Received, ack: Any, error: Exception | None) -> None:
        if error is None or isinstance(error, AlreadyDone):
            self._finish(received, ack, self._outcome(received, error))
        elif isinstance(error, DatabaseIsDown) and not self._is_database_there():  # Else another service's: it was asked.
            self._wait_for_database()
            self.host.dispatch(partial(self._run, received, ack))
        else:
            self._fail(received, ack, error)

    def _fail(self, received: Received, ack: Any, error: Exception) -> None:
        told, may_heal = log.describe(error), isinstance(error, _MAY_HEAL)
        about = {"handler": self.handler, "message_id": received.message_id}
        if may_heal:  # In short: a storm of these may not fill the disk.
            _log.warning("event_failed", **about, error=told["error"], at=told["at"][-1:])
        else:
            _log.error("event_failed", **about, **told)
        self._set_aside(received, ack, f"{told['error']}: {told['at'][-1:]}", may_heal=may_heal)

    def _outcome(self, received: Received, error: AlreadyDone | None) -> str:
        if error is None:
            return "done"
        if isinstance(error, Superseded):
            _log.info("event_superseded", handler=self.handler, message_id=received.message_id)
            return "superseded"
        _log.info("event_repeated", handler=self.handler, message_id=received.message_id)
        return "repeated"

    def _finish(self, received: Received, ack: Any, outcome: str) -> None:
        if received.parked_id:
            self._until_stored(forget, received)
        metrics.events_handled.labels(handler=self.handler, outcome=outcome).inc()
        ack()

    def _set_aside_soon(self, received: Received, ack: Any, reason: str, **how: bool) -> None:
        self.host.aside(partial(self._set_aside, received, ack, reason, may_heal=False, **how))

    def _set_aside(self, received: Received, ack: Any, reason: str, **how: bool) -> None:
        state = self._until_stored(park, received, reason=reason, **how)
        if state:
            metrics.events_handled.labels(handler=self.handler, outcome=state).inc()
            ack()

    def _until_stored(self, write: Any, received: Received, **facts: Any) -> Any:
        """Write to the table of messages set aside; while the database is down, wait: the message stays at the broker."""
        for wait in waits():
            try:
                with self.host.store.transaction() as (session, now):
                    return write(session, received, **facts, **({"now": now} if write is park else {}))
            except Unavailable:
                if self.host.stopping.wait(wait):
                    return None
        return None

    def _wait_for_database(self) -> None:
        for wait in waits():
            if self.host.stopping.wait(wait) or self._is_database_there():
                return

    def _is_database_there(self) -> bool:
        try:
            self.host.store.ping()
        except Exception as error:
            _log.warning("database_down", handler=self.handler, error=type(error).__name__)
            return False
        return True


def _request_id(received: Received) -> str:
    given = received.headers.get("request_id")
    return given if isinstance(given, str) and given and "\x00" not in given else uuid4().hex


def _aggregate(received: Received) -> tuple[str, int]:
    """Which aggregate's state it carries, and its version."""
    aggregate, version = received.headers.get("aggregate_id"), str(received.headers.get("aggregate_version"))
    if not isinstance(aggregate, str) or not aggregate or "\x00" in aggregate or not re.fullmatch(r"\d{1,18}", version, re.ASCII):
        raise UnreadableMessage("no aggregate_id or no aggregate_version")
    return aggregate, int(version)


def _read(handler: str, message: Any) -> Received:
    """A broker's message as the handler sees it; an enormous body is not kept whole."""
    properties = message.properties
    body = message.body
    raw = body.encode("utf-8", "surrogateescape") if isinstance(body, str) else bytes(body)
    headers = {key: value for key, value in (message.headers or {}).items() if key != "x-death"}
    return Received(
        handler=handler,
        body=raw,
        content_type=properties.get("content_type"),
        headers=headers,
        message_id=properties.get("message_id"),
        event=properties.get("type"),
    )


handles = Handles.decorator
