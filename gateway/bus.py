"""The gateway's way to call services: the wire of `chassis.wire`, spoken by asyncio.

One connection for ever. It is dropped, never repaired: what breaks it, or a probe that is not answered, condemns it, and
another one is opened. Calls in flight then fail at once, as their reply queue went with the connection.
"""

import asyncio
import time
from hashlib import sha256
from typing import Any
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractIncomingMessage
from aio_pika.exceptions import AMQPError, DeliveryError, PublishError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from yarl import URL

from chassis import log, topology
from chassis.backoff import waits
from chassis.subject import Subject, sign_subject
from chassis.wire import CALLS, CONTENT_TYPE, BusIsDown, CallFailed, CallHeaders, CallTimedOut, dump_request, read_reply
from contracts.errors import Refusal, Unavailable
from contracts.method import Method
from gateway import metrics

HEARTBEAT_SECONDS = 5
CONNECT_SECONDS = 5.0
CONFIRM_SECONDS = 1.5  # A broker that takes no request for so long is down, and the caller hears it within 2 s.
PROBE_EVERY, PROBE_SECONDS = 5.0, 5.0  # A half-open connection is replaced within their sum.
STEADY_SECONDS = 5.0  # A connection that held so long starts the waits anew.
BROKEN = (AMQPError, OSError, RuntimeError)  # aiormq's states of a closed channel are RuntimeErrors.

_log = log.get()


class MessageWasReturned(Unavailable):
    """Le service est momentanément indisponible ; réessayez dans quelques instants."""


class Link:
    """One open connection with its reply queue and the calls that wait for their answers."""

    def __init__(self, connection: aio_pika.Connection, name: str) -> None:
        self.broken = asyncio.Event()
        self._connection = connection
        self._name = name
        self._user = connection.url.user
        self._waiting: dict[str, asyncio.Future[bytes]] = {}

    async def open(self) -> "Link":
        """Declare what a caller needs; the reply queue once, for all calls of this connection."""
        self._channel: Any = await self._connection.channel(on_return_raises=True)
        self._calls = await self._channel.declare_exchange(CALLS, topology.calls.type, durable=True)
        replies = await self._channel.declare_exchange(topology.replies.name, topology.replies.type, durable=True)
        wanted = topology.reply_queue(self._name, uuid4().hex)
        self._queue = await self._channel.declare_queue(wanted.name, exclusive=True, auto_delete=True)
        await self._queue.bind(replies, wanted.routing_key)
        await self._queue.consume(self._replied, no_ack=True)
        self._connection.close_callbacks.add(self._closed)
        self._channel.close_callbacks.add(self._closed)
        return self

    async def exchange(self, message: aio_pika.Message, routing_key: str, seconds: float) -> bytes:
        """The reply's body; BusIsDown, MessageWasReturned or CallTimedOut when there is none."""
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[str(message.correlation_id)] = reply
        try:
            async with asyncio.timeout(seconds):
                await self._publish(message, routing_key)
                return await reply
        except TimeoutError:
            raise CallTimedOut() from None
        finally:
            self._waiting.pop(str(message.correlation_id), None)
            reply.cancel()

    def message(self, body: bytes, headers: CallHeaders, seconds: float) -> aio_pika.Message:
        """A request; RabbitMQ drops it when its time is over, so that nobody executes it late."""
        return aio_pika.Message(
            body,
            content_type=CONTENT_TYPE,
            correlation_id=uuid4().hex,
            reply_to=self._queue.name,
            expiration=max(seconds, 0.001),
            delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT,
            user_id=self._user,
            headers=headers.to_wire(),
        )

    async def is_blocked(self) -> bool:
        """Whether the broker said that it takes no messages for now (its memory or disk alarm)."""
        transport = self._connection.transport
        try:
            async with asyncio.timeout(0):
                if transport is not None:
                    await transport.connection.ready()
        except TimeoutError:
            return True
        return False

    async def answers(self) -> bool:
        """Whether the broker still hears us and keeps our reply queue."""
        if await self.is_blocked():
            return True
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                underlay = await self._channel.get_underlay_channel()
                await underlay.queue_declare(self._queue.name, passive=True)
        except (*BROKEN, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        """Fail what waits, then let go of the socket; a silent peer is not waited for."""
        self.broken.set()
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(BusIsDown())
        try:
            async with asyncio.timeout(3):
                await self._connection.close()
        except (*BROKEN, TimeoutError) as error:
            _log.debug("close_failed", error=type(error).__name__)

    async def _publish(self, message: aio_pika.Message, routing_key: str) -> None:
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                await self._calls.publish(message, routing_key, mandatory=True)
        except PublishError:
            raise MessageWasReturned() from None
        except DeliveryError:
            raise BusIsDown() from None
        except (*BROKEN, TimeoutError):
            if not await self.is_blocked():  # A blocked connection comes back by itself; a silent one does not.
                self.broken.set()
            raise BusIsDown() from None

    async def _replied(self, message: AbstractIncomingMessage) -> None:
        reply = self._waiting.get(message.correlation_id or "")
        if reply and not reply.done():
            reply.set_result(message.body)

    def _closed(self, *_: Any) -> None:
        self.broken.set()


class Bus:
    """Calls to the services, as long as `run` runs."""

    def __init__(self, url: str, signing_key: Ed25519PrivateKey, name: str = "gateway") -> None:
        self.name = name
        self._url = URL(url).update_query(heartbeat=HEARTBEAT_SECONDS, name=name)
        self._key = signing_key
        self._link: Link | None = None
        self._closing: set[asyncio.Task[None]] = set()

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
        if link is None or link.broken.is_set() or await link.is_blocked():
            raise BusIsDown()
        if until <= now:
            raise CallTimedOut()
        signed = sign_subject(subject, self._key, expires_at=until)
        key = _on_the_wire(idempotency_key or uuid4().hex) if method.changes else None
        headers = CallHeaders(until, signed, request_id, key)
        message = link.message(dump_request(method, request), headers, until - now)
        return read_reply(method, await link.exchange(message, method.name, until - now))

    async def run(self) -> None:
        """Keep a connection until cancelled."""
        attempts = waits()
        try:
            while True:
                started = time.monotonic()
                await self._hold()
                if time.monotonic() - started > STEADY_SECONDS:
                    attempts = waits()
                await asyncio.sleep(next(attempts))
        finally:
            await asyncio.gather(*self._closing, return_exceptions=True)

    async def _hold(self) -> None:
        """Open one connection and return when it is broken, or when there could be none."""
        connection = aio_pika.Connection(self._url)
        link = Link(connection, self.name)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await connection.connect()
                self._link = await link.open()
            metrics.bus_is_up.set(1)
            _log.info("broker_connected")
            await self._watch(link)
        except Exception as error:  # Whatever befalls one connection, there will be another.
            _log.warning("broker_connection_failed", error=type(error).__name__)
        finally:
            self._link = None
            metrics.bus_is_up.set(0)
            self._drop(link)

    async def _watch(self, link: Link) -> None:
        while not link.broken.is_set():
            try:
                async with asyncio.timeout(PROBE_EVERY):
                    await link.broken.wait()
            except TimeoutError:
                if not await link.answers():
                    break
        metrics.connections_lost.inc()
        _log.warning("broker_connection_lost")

    def _drop(self, link: Link) -> None:
        task = asyncio.create_task(link.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _on_the_wire(key: str) -> str:
    """A client's key as a header: of one length, as a frame that is too large would end the connection of everybody."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
