"""Calls to other services: with a deadline, an idempotency key and a subject; never waiting for ever.

Requests are transient, mandatory and confirmed, and expire with their deadline. One wait ends with the reply, with the broker's
refusal to route, or with the deadline; replies come to one queue per connection, declared once.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import amqp
from kombu import Connection

from chassis import metrics, topology
from chassis.bus import BROKEN, Link, open_channel, user_of
from chassis.clock import unix_now
from chassis.context import Context
from chassis.settings import BusSettings
from chassis.subject import Signer, Subject, service_subject
from chassis.wire import (
    CALLS,
    CONTENT_TYPE,
    REPLIES,
    BusIsDown,
    CallHeaders,
    CallTimedOut,
    dump_request,
    expiration,
    read_reply,
)
from contracts.errors import Refusal
from contracts.method import Method

CONFIRM_SECONDS = 2.0  # A broker that does not take a request within this is down: an alarm, a freeze.


class CallIsNotDeclared(RuntimeError):
    """What a method calls while it is served stands in its contract: the graph of calls is checked for cycles."""


@dataclass
class _Waiting:
    """One call in flight."""

    done: threading.Event = field(default_factory=threading.Event)
    confirmed: threading.Event = field(default_factory=threading.Event)
    reply: bytes | None = None
    error: type[Refusal] | None = None

    def finish(self, reply: bytes | None = None, error: type[Refusal] | None = None) -> None:
        self.reply, self.error = reply, error
        self.confirmed.set()
        self.done.set()


class Caller:
    """A participant's way to call; also how a service sends its replies."""

    def __init__(self, settings: BusSettings) -> None:
        self._settings = settings
        self._signer = Signer(settings.signing_key)
        self._user = user_of(settings.amqp_url)
        self._waiting: dict[str, _Waiting] = {}
        self._unconfirmed: dict[int, str] = {}
        self._channel: Any = None
        self._replying: Any = None  # A channel without confirms: a lost reply is a missed deadline.
        self._published = 0
        self._reply_to = ""
        self.link = Link(f"{settings.name}.calls", settings.amqp_url, self._opened, self._closed)

    def start(self) -> None:
        """Read replies in a thread of its own, until `link.stop()`."""
        threading.Thread(target=self.link.run, name=self.link.name, daemon=True).start()

    def call(self, method: Method, request: dict[str, Any], *, context: Context | None = None, key: str | None = None) -> Any:
        """The result of one call; a refusal, CallTimedOut, BusIsDown or CallFailed is raised."""
        body = dump_request(method, request)
        seconds = method.deadline if context is None else context.seconds_left(method.deadline)
        headers = self._headers(method, body, context, key, seconds)
        outcome = "failure"
        try:
            result = read_reply(method, self._exchange(method, body, headers, seconds))
            outcome = "result"
            return result
        except Refusal as refusal:
            outcome = refusal.kind
            raise
        finally:
            metrics.calls_made.labels(method=method.name, outcome=outcome).inc()

    def reply(self, reply_to: str, correlation_id: str, body: bytes) -> None:
        """Send one reply; a lost reply is a missed deadline at the caller's, and nothing here."""
        message = amqp.Message(
            body, content_type=CONTENT_TYPE, correlation_id=correlation_id, delivery_mode=1, user_id=self._user
        )
        try:
            with self.link.writing(within=CONFIRM_SECONDS):
                if self._replying is not None:
                    self._replying.basic_publish(message, exchange=REPLIES, routing_key=reply_to)
        except BROKEN:
            metrics.connections_lost.labels(link="reply").inc()

    def _headers(self, method: Method, body: bytes, context: Context | None, key: str | None, seconds: float) -> CallHeaders:
        deadline = unix_now() + seconds
        if context and context.subject_token:
            subject = context.subject_token
        else:
            subject = self.sign(service_subject(self._settings.name), deadline)
        if method.changes and key is None:
            key = context.derived_key(method, body) if context else uuid4().hex
        return CallHeaders(deadline, subject, context.request_id if context else uuid4().hex, key if method.changes else None)

    def sign(self, subject: Subject, deadline: float) -> str:
        """A subject signed by this participant."""
        return self._signer.sign(subject, expires_at=deadline + 1)

    def _exchange(self, method: Method, body: bytes, headers: CallHeaders, seconds: float) -> bytes:
        if seconds <= 0:
            raise CallTimedOut()
        taken_by = time.monotonic() + min(seconds, CONFIRM_SECONDS)
        if not self.link.is_up.wait(_left(taken_by)):
            raise BusIsDown()
        correlation_id, waiting = uuid4().hex, _Waiting()
        self._waiting[correlation_id] = waiting
        try:
            with self.link.writing(within=_left(taken_by)):
                self._publish(method, body, headers, correlation_id, seconds)
            if not waiting.confirmed.wait(_left(taken_by)):
                raise BusIsDown()
            if not waiting.done.wait(max(0.0, headers.seconds_left())):
                raise CallTimedOut()
        except BROKEN:
            raise BusIsDown() from None
        finally:
            self._waiting.pop(correlation_id, None)
        if waiting.error:
            raise waiting.error()
        assert waiting.reply is not None
        return waiting.reply

    def _publish(self, method: Method, body: bytes, headers: CallHeaders, correlation_id: str, seconds: float) -> None:
        message = amqp.Message(
            body,
            content_type=CONTENT_TYPE,
            correlation_id=correlation_id,
            reply_to=self._reply_to,
            expiration=expiration(seconds),
            delivery_mode=1,
            user_id=self._user,
            application_headers=headers.to_wire(),
        )
        if self._channel is None:
            raise BusIsDown()
        self._published += 1
        self._unconfirmed[self._published] = correlation_id
        self._channel.basic_publish(message, exchange=CALLS, routing_key=method.name, mandatory=True)

    def _opened(self, connection: Connection) -> None:
        channel = open_channel(connection)
        for exchange in (topology.calls, topology.replies):
            exchange(channel).declare()
        queue = topology.reply_queue(self._settings.name, uuid4().hex)(channel)
        queue.declare()
        channel.basic_consume(queue.name, no_ack=True, callback=self._replied)
        channel.confirm_select()
        channel.events["basic_ack"].add(self._confirmed)
        channel.events["basic_nack"].add(self._rejected)
        channel.events["basic_return"].add(self._returned)
        self._published, self._reply_to, self._channel = 0, queue.name, channel
        self._replying = open_channel(connection)

    def _closed(self) -> None:
        self._channel = self._replying = None
        self._unconfirmed.clear()
        for waiting in list(self._waiting.values()):
            waiting.finish(error=BusIsDown)

    def _replied(self, message: Any) -> None:
        waiting = self._waiting.get(message.properties.get("correlation_id", ""))
        if waiting:
            body = message.body
            waiting.finish(reply=body.encode() if isinstance(body, str) else bytes(body))

    def _settle(self, delivery_tag: int, multiple: bool) -> list[_Waiting]:
        tags = [tag for tag in self._unconfirmed if tag <= delivery_tag] if multiple else [delivery_tag]
        found = [self._waiting.get(self._unconfirmed.pop(tag, "")) for tag in tags]
        return [waiting for waiting in found if waiting]

    def _confirmed(self, delivery_tag: int, multiple: bool) -> None:
        for waiting in self._settle(delivery_tag, multiple):
            waiting.confirmed.set()

    def _rejected(self, delivery_tag: int, multiple: bool) -> None:
        for waiting in self._settle(delivery_tag, multiple):
            waiting.finish(error=BusIsDown)

    def _returned(self, _exception: Any, _exchange: str, _routing_key: str, message: Any) -> None:
        waiting = self._waiting.get(message.properties.get("correlation_id", ""))
        if waiting:
            waiting.finish(error=BusIsDown)


def _left(until: float) -> float:
    """Seconds until a moment of the monotonic clock; at least none."""
    return max(0.0, until - time.monotonic())


class Calling:
    """What entrypoints hold as `self.call`: calls on behalf of whoever asks, or of the service itself."""

    def __init__(self, caller: Caller, context: Context) -> None:
        self._caller = caller
        self._context = context

    def __call__(self, method: Method, **request: Any) -> Any:
        """Call for the subject of the work in hand; a service's own when a timer or an event started it."""
        return self._call(method, request, self._context)

    def as_service(self, method: Method, **request: Any) -> Any:
        """Call in the service's own name: what the visitor who clicked a link may not ask for."""
        return self._call(method, request, self._context.without_person())

    def within(self, seconds: float) -> "Calling":
        """The same calls, given up after so many seconds from now on: for what must not use up the time of an answer."""
        return Calling(self._caller, self._context.within(seconds))

    def _call(self, method: Method, request: dict[str, Any], context: Context) -> Any:
        served = context.method
        if served is not None and method.name not in served.calls:
            raise CallIsNotDeclared(f"{served.name} calls {method.name}, and its contract does not say so")
        return self._caller.call(method, request, context=context)
