"""From the outbox to RabbitMQ: one active relay per database, in the order of the rows, marked only once confirmed.

It lives inside the service's process, on connections of its own. An advisory lock makes it the only one; the session that holds
the lock also does the reading and marking, so that a relay that lost its lock can mark nothing.
"""

import threading
import time
from contextlib import suppress
from typing import Any

import amqp
import psycopg
from amqp.exceptions import NotFound
from kombu import Connection, Queue
from psycopg.rows import namedtuple_row

from chassis import log, metrics, topology
from chassis.backoff import waits
from chassis.bus import BROKEN, STEADY_SECONDS, connect, drop, open_channel, user_of
from chassis.clock import read_offset
from chassis.db import Store, connect_arguments
from chassis.locks import lock_number
from chassis.outgoing import MOST_FAILURES, count_failure, mark_published, set_aside, unpublished
from chassis.settings import BusSettings
from chassis.wire import CONTENT_TYPE, LARGEST_BODY, encode
from contracts import catalogue
from contracts.event import Event

POLL_SECONDS = 0.2
CONFIRM_SECONDS = 2.0
HEARTBEAT_EVERY = 1.0
STANDBY_SECONDS = 1.0  # Another relay leads: its lock is tried again so often.
FAILED_SECONDS = 0.2  # Before a row is tried again that could not be made a message; doubling.

_log = log.get()


class NotConfirmed(RuntimeError):
    """The broker did not confirm in time: the connection is given up, the rows stay."""


class EventIsUnknown(LookupError):
    """The row names an event that this release does not publish."""


class EventIsTooLarge(ValueError):
    """No listener would read its body."""


class Publisher:
    """One connection that publishes with confirms and says what was given back."""

    def __init__(self, url: str, service: str) -> None:
        self._user = user_of(url)
        self._service = service
        self._exchange = topology.events_exchange(service).name
        self.connection: Connection = connect(url)
        self.channel: Any = open_channel(self.connection)
        self._tag = 0
        self._open_tags: dict[int, int] = {}
        self._returned: set[str] = set()
        self._refused: set[int] = set()
        self.unmade: list[tuple[Any, Exception]] = []  # Rows of the last batch that could not become messages, and why.
        self.channel.confirm_select()
        self.channel.events["basic_ack"].add(lambda tag, multiple: self._settle(tag, multiple))
        self.channel.events["basic_nack"].add(lambda tag, multiple: self._refused.update(self._settle(tag, multiple)))
        self.channel.events["basic_return"].add(lambda _e, _x, _k, message: self._returned.add(message.properties["message_id"]))
        self.held_back: set[str] = set()

    def declare(self) -> None:
        """Bind every listener's queue to the exchange. Facts of a listener whose queue does not stand yet are held back."""
        with self.connection.channel() as channel:
            topology.events_exchange(self._service)(channel).declare()
        events = topology.published_by(self._service)
        held_back = {event.name for event in events for queue in topology.queues_of(event) if not self._bind(queue)}
        if held_back != self.held_back:
            _log.warning("events_held_back", events=sorted(held_back))
        self.held_back = held_back
        metrics.events_held_back.set(len(held_back))

    def _bind(self, queue: Queue) -> bool:
        with self.connection.channel() as channel:  # Closed in any case: py-amqp opens one anew after a refusal.
            try:
                queue(channel).queue_declare(passive=True)
                queue(channel).queue_bind()
            except NotFound:
                return False
            return True

    def publish(self, rows: list[Any]) -> list[int]:
        """Publish rows in order, wait for the broker's word on all; answers the ids that are safe with it."""
        self._returned.clear()
        self._refused.clear()
        self.unmade.clear()
        made = []
        for row in rows:
            try:
                made.append((row, _event(row, self._service), self._message(row)))
            except Exception as error:  # Whatever ails one row is told of it, and holds up no other.
                self.unmade.append((row, error))
        for row, event, message in made:
            self._tag += 1
            self._open_tags[self._tag] = row.id
            self.channel.basic_publish(message, exchange=self._exchange, routing_key=event.fact, mandatory=bool(event.heard_by))
        self._await_word()
        for row, event, _ in made:
            if str(row.message_id) in self._returned:
                metrics.events_unroutable.labels(event=event.name).inc()
        return [row.id for row, *_ in made if str(row.message_id) not in self._returned and row.id not in self._refused]

    def _await_word(self) -> None:
        end = time.monotonic() + CONFIRM_SECONDS
        while self._open_tags:
            left = end - time.monotonic()
            if left <= 0:
                raise NotConfirmed()
            self.connection.drain_events(timeout=left)

    def keep_alive(self) -> None:
        """Read what the broker says and answer its heartbeats."""
        with suppress(TimeoutError):  # It says nothing.
            self.connection.drain_events(timeout=0.001)
        self.connection.heartbeat_check()

    def close(self) -> None:
        drop(self.connection)

    def _message(self, row: Any) -> amqp.Message:
        body = encode(row.payload)
        if len(body) > LARGEST_BODY:
            raise EventIsTooLarge()
        headers = {"request_id": row.request_id, "aggregate_id": row.aggregate_id, "aggregate_version": row.aggregate_version}
        return amqp.Message(
            body,
            content_type=CONTENT_TYPE,
            delivery_mode=2,
            message_id=str(row.message_id),
            type=row.event,
            user_id=self._user,
            application_headers={key: value for key, value in headers.items() if value is not None},
        )

    def _settle(self, tag: int, multiple: bool) -> list[int]:
        tags = [open_tag for open_tag in self._open_tags if open_tag <= tag] if multiple else [tag]
        return [self._open_tags.pop(open_tag) for open_tag in tags if open_tag in self._open_tags]


def _event(row: Any, service: str) -> Event:
    event = catalogue.events().get(row.event)
    if event is None or event.service != service:
        raise EventIsUnknown()
    return event


class Relay:
    """Publishes one database's outbox for as long as it holds the lock; otherwise waits for its turn."""

    def __init__(self, store: Store, settings: BusSettings) -> None:
        self._store = store
        self._url = settings.amqp_url
        self._service = settings.name
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self.is_leader = False
        self._rests: dict[int, float] = {}  # Rows that could not be made messages, and when to try again.

    def wake(self) -> None:
        """Something was announced: look now rather than at the next poll."""
        self._awake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._awake.set()

    def run(self) -> None:
        """Relay until `stop`; any failure drops both connections and starts anew after a wait."""
        attempts = waits()
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                if not self._lead():
                    self._stopping.wait(STANDBY_SECONDS)
                    continue
            except (*BROKEN, psycopg.Error, NotConfirmed) as error:
                _log.warning("relay_interrupted", error=type(error).__name__)
            except Exception as error:
                _log.error("relay_failed", **log.describe(error))
            if self.is_leader and time.monotonic() - began > STEADY_SECONDS:
                attempts = waits()  # It had worked: another outage begins.
            self.is_leader = False
            metrics.relay_is_leader.set(0)
            self._stopping.wait(next(attempts))

    def _lead(self) -> bool:
        """Publish until it is to stop; False at once where another relay leads."""
        with psycopg.connect(self._store.url, autocommit=True, row_factory=namedtuple_row, **self._arguments()) as database:
            number = lock_number(f"relay|{self._service}")
            if not database.execute("SELECT pg_try_advisory_lock(%s) AS got", [number]).fetchone().got:  # type: ignore[union-attr]
                return False
            publisher = Publisher(self._url, self._service)
            self.is_leader = True
            metrics.relay_is_leader.set(1)
            try:
                publisher.declare()
                self._relay(database, publisher)
            finally:
                publisher.close()
            return True

    def _arguments(self) -> dict[str, Any]:
        return connect_arguments(f"{self._store.name}-relay")

    def _relay(self, database: psycopg.Connection[Any], publisher: Publisher) -> None:
        kept_alive = time.monotonic()
        while not self._stopping.is_set():
            rows = unpublished(database, held_back=publisher.held_back, resting=self._resting())
            if rows:
                self._publish(database, publisher, rows)
            if time.monotonic() - kept_alive > HEARTBEAT_EVERY:
                kept_alive = time.monotonic()
                publisher.keep_alive()
                if publisher.held_back:
                    publisher.declare()
            if not rows:
                self._awake.wait(POLL_SECONDS)
                self._awake.clear()

    def _publish(self, database: psycopg.Connection[Any], publisher: Publisher, rows: list[Any]) -> None:
        safe = publisher.publish(rows)
        if safe:
            mark_published(database, safe, read_offset(self._store.clock_offset_file).total_seconds())
            metrics.events_published.inc(len(safe))
        for row, error in publisher.unmade:
            self._rest(database, row, error)
        not_taken = len(rows) - len(safe) - len(publisher.unmade)
        if not_taken:
            _log.error("events_not_taken", count=not_taken, of=rows[-1].event)
            publisher.declare()
            self._stopping.wait(POLL_SECONDS)

    def _resting(self) -> list[int]:
        return [row_id for row_id, until in self._rests.items() if until > time.monotonic()]

    def _rest(self, database: psycopg.Connection[Any], row: Any, error: Exception) -> None:
        """Try again later a row that could not be made a message; after some tries, set it aside."""
        failures = count_failure(database, row.id)
        _log.warning("event_not_made", event=row.event, message_id=str(row.message_id), **log.describe(error))
        self._rests[row.id] = time.monotonic() + FAILED_SECONDS * 2**failures
        if failures >= MOST_FAILURES:
            set_aside(database, row.id, self._service, f"it cannot be made a message: {type(error).__name__}")
            del self._rests[row.id]
            metrics.events_set_aside.labels(event=row.event).inc()
            _log.error("event_set_aside", event=row.event, message_id=str(row.message_id))
