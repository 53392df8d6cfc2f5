"""The gateway's way to call services: the wire of `chassis.wire`, spoken by asyncio.

One connection for ever. It is dropped, never repaired: what breaks it, or a probe that is not answered, condemns it, and
another one is opened. Calls in flight then fail at once, as their reply queue went with the connection.
"""

import asyncio
import time
from hashlib import sha256
from itertools import takewhile
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pamqp import commands

from chassis import log, topology
from chassis.backoff import waits
from chassis.subject import Signer, Subject
from chassis.wire import (
    CALLS,
    CONTENT_TYPE,
    REPLIES,
    BusIsDown,
    CallFailed,
    CallHeaders,
    CallTimedOut,
    dump_request,
    expiration,
    read_reply,
)
from contracts.errors import Refusal, Unavailable
from contracts.method import Method
from gateway import amqp, metrics
from gateway.address import Address
from gateway.request import Request

CONFIRM_SECONDS = 1.5  # A broker that takes no request for so long is down, and the caller hears it within 2 s.
PROBE_EVERY = 4.0  # A half-open connection is replaced within this and the time of an answer.
STEADY_SECONDS = 5.0  # A connection that held so long starts the waits anew.

_log = log.get()


class MessageWasReturned(Unavailable):
    """Le service est momentanément indisponible ; réessayez dans quelques instants."""


class Link:
    """One connection with its reply queue and the calls that wait for their answers."""

    def __init__(self, address: Address, name: str) -> None:
        self._address = address
        self._name = name
        self._queue = topology.reply_queue(name, uuid4().hex).name
        self._connection: Any = None
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._unconfirmed: dict[int, str] = {}  # Correlation ids by the broker's tags, the oldest first.

    async def open(self) -> None:
        """Connect and declare what a caller needs; the reply queue once, for all calls of this connection."""
        self._connection = await amqp.connect(self._address, self)
        await self._connection.open(self._address, self._name)
        await self._connection.ask(
            commands.Queue.Declare(queue=self._queue, exclusive=True, auto_delete=True),
            *self._routes(),
            commands.Basic.Consume(queue=self._queue, no_ack=True),
        )

    def _routes(self) -> tuple[Any, ...]:
        """What leads requests away and answers here."""
        return (
            commands.Exchange.Declare(exchange=CALLS, exchange_type=topology.calls.type, durable=True),
            commands.Exchange.Declare(exchange=REPLIES, exchange_type=topology.replies.type, durable=True),
            commands.Queue.Bind(queue=self._queue, exchange=REPLIES, routing_key=self._queue),
        )

    @property
    def takes_calls(self) -> bool:
        """Whether a request written now would be taken, as far as is known."""
        connection = self._connection
        return not (connection.ended.is_set() or connection.is_alarmed or connection.is_full)

    async def exchange(self, routing_key: str, body: bytes, headers: CallHeaders, seconds: float) -> bytes:
        """The reply's body; BusIsDown, MessageWasReturned or CallTimedOut when there is none."""
        loop = asyncio.get_running_loop()
        correlation_id, reply = uuid4().hex, loop.create_future()
        tag = self._publish(routing_key, body, headers, correlation_id, seconds)
        self._waiting[correlation_id] = reply
        patience = loop.call_later(CONFIRM_SECONDS, self._not_confirmed, tag)
        try:
            async with asyncio.timeout(seconds):
                return await reply
        except TimeoutError:
            raise CallTimedOut() from None
        finally:
            patience.cancel()
            self._waiting.pop(correlation_id, None)

    async def ended(self) -> None:
        """Wait until the connection is over, or no longer answers."""
        while not self._connection.ended.is_set():
            try:
                async with asyncio.timeout(PROBE_EVERY):
                    await self._connection.ended.wait()
            except TimeoutError:
                await self._probe()

    def close(self) -> None:
        """Fail what waits, then let go of the connection."""
        for correlation_id in list(self._waiting):
            self._fail(correlation_id, BusIsDown())
        if self._connection is not None:
            self._connection.close()

    # -- what comes of what was published

    def confirmed(self, tag: int, *, multiple: bool, is_taken: bool) -> None:
        tags = list(takewhile(tag.__ge__, self._unconfirmed)) if multiple else [tag]
        for correlation_id in [self._unconfirmed.pop(one, "") for one in tags]:
            if not is_taken:
                self._fail(correlation_id, BusIsDown())

    def returned(self, correlation_id: str) -> None:
        self._fail(correlation_id, MessageWasReturned())

    def replied(self, correlation_id: str, body: bytes) -> None:
        reply = self._waiting.get(correlation_id)
        if reply and not reply.done():
            reply.set_result(body)

    def _publish(self, routing_key: str, body: bytes, headers: CallHeaders, correlation_id: str, seconds: float) -> int:
        """Write a request; RabbitMQ drops it when its time is over, so that nobody executes it late."""
        request = Request(
            exchange=CALLS,
            routing_key=routing_key,
            correlation_id=correlation_id,
            reply_to=self._queue,
            content_type=CONTENT_TYPE,
            expiration=expiration(seconds),
            user=self._address.user,
            headers=headers.to_wire(),
            body=body,
        )
        try:
            tag: int = self._connection.publish(request)
        except amqp.Broken:
            raise BusIsDown() from None
        self._unconfirmed[tag] = correlation_id
        return tag

    def _not_confirmed(self, tag: int) -> None:
        correlation_id = self._unconfirmed.get(tag)
        if correlation_id is None:
            return
        self._fail(correlation_id, BusIsDown())
        if not self._connection.is_alarmed:  # An alarm ends by itself; silence does not.
            self._connection.abort()

    def _fail(self, correlation_id: str, error: Unavailable) -> None:
        reply = self._waiting.get(correlation_id)
        if reply and not reply.done():
            reply.set_exception(error)

    async def _probe(self) -> None:
        """End a connection on which the broker no longer hears us, or has no reply queue of ours; renew what leads to it."""
        if self._connection.is_alarmed:  # It hears nobody; its heartbeats tell whether it lives.
            return
        try:
            await self._connection.ask(commands.Queue.Declare(queue=self._queue, passive=True), *self._routes())
        except (OSError, TimeoutError):
            self._connection.abort()


class Bus:
    """Calls to the services, as long as `run` runs."""

    def __init__(self, url: str, signing_key: Ed25519PrivateKey, name: str = "gateway") -> None:
        self.name = name
        self._address = Address.of(url)
        self._link: Link | None = None
        self._signer = Signer(signing_key)

    @property
    def is_up(self) -> bool:
        return self._link is not None

    async def call(
        self,
        method: Method,
        subject: Subject,
        *,
        request_id: str,
        idempotency_key: str | None = None,
        deadline: float | None = None,
        **request: Any,
    ) -> Any:
        """One method's result. Refusals are raised; so are CallTimedOut, BusIsDown and CallFailed. `deadline` in Unix seconds."""
        try:
            result = await self._call(method, subject, request_id, idempotency_key, deadline, request)
        except Refusal as refusal:
            metrics.calls.labels(method.name, refusal.kind).inc()
            raise
        except CallFailed:
            metrics.calls.labels(method.name, "failure").inc()
            raise
        metrics.calls.labels(method.name, "result").inc()
        return result

    async def _call(
        self,
        method: Method,
        subject: Subject,
        request_id: str,
        idempotency_key: str | None,
        deadline: float | None,
        request: dict[str, Any],
    ) -> Any:
        now = time.time()
        until = now + method.deadline if deadline is None else min(deadline, now + method.deadline)
        link = self._link
        if link is None or not link.takes_calls:
            raise BusIsDown()
        if until <= now:
            raise CallTimedOut()
        signed = self._signer.sign(subject, expires_at=until)
        key = _on_the_wire(idempotency_key or uuid4().hex) if method.changes else None
        headers = CallHeaders(until, signed, request_id, key)
        return read_reply(method, await link.exchange(method.name, dump_request(method, request), headers, until - now))

    async def run(self) -> None:
        """Keep a connection until cancelled."""
        attempts = waits()
        while True:
            started = time.monotonic()
            await self._hold()
            if time.monotonic() - started > STEADY_SECONDS:
                attempts = waits()
            await asyncio.sleep(next(attempts))

    async def _hold(self) -> None:
        """Open one connection and return when it is over, or when there could be none."""
        link = Link(self._address, self.name)
        try:
            await link.open()
            self._link = link
            metrics.bus_is_up.set(1)
            _log.info("broker_connected")
            await link.ended()
            metrics.connections_lost.inc()
            _log.warning("broker_connection_lost")
        except Exception as error:  # Whatever befalls one connection, there will be another.
            _log.warning("broker_connection_failed", error=type(error).__name__)
        finally:
            self._link = None
            metrics.bus_is_up.set(0)
            link.close()


def _on_the_wire(key: str) -> str:
    """A client's key as a header: of one length, as a frame that is too large would end the connection of everybody."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
