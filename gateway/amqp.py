"""One AMQP 0-9-1 connection as a caller needs it, by asyncio: one channel that confirms, one queue of answers.

It is driven by what arrives. Whatever is wrong ends it; it is never repaired.
"""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol, cast

from pamqp import commands
from pamqp.base import Frame
from pamqp.header import ProtocolHeader

from chassis import log
from gateway import frames
from gateway.address import Address
from gateway.request import Request

HEARTBEAT_SECONDS = 4
SILENT_SECONDS = 10.0  # A broker that has said nothing for so long, though it beats, is gone.
ANSWER_SECONDS = 3.0  # For each answer of the broker, such as to a declaration.
LARGEST_FRAME = 128 * 1024  # Bytes; RabbitMQ's own default.
MOST_UNSENT = 1024 * 1024  # Bytes that wait for the broker to take them; above it, it takes nothing.

_BEAT = frames.HEAD.pack(frames.HEARTBEAT, 0, 0) + b"\xce"
_CAPABILITIES = {"publisher_confirms": True, "connection.blocked": True, "authentication_failure_close": True}
_log = log.get()


class Broken(ConnectionError):
    """The connection is over."""


class Listener(Protocol):
    """Who hears what comes of what was published."""

    def confirmed(self, tag: int, *, multiple: bool, is_taken: bool) -> None: ...
    def returned(self, correlation_id: str) -> None: ...
    def replied(self, correlation_id: str, body: bytes) -> None: ...


@dataclass(slots=True)
class _Message:
    """What is arriving."""

    is_returned: bool
    correlation_id: str = ""
    size: int = 0
    body: bytes = b""


class Connection(asyncio.Protocol):
    """From `connect` until `ended` is set."""

    def __init__(self, listener: Listener) -> None:
        self.ended = asyncio.Event()
        self.is_alarmed = False  # The broker said that it takes nothing for now: its memory or disk alarm.
        self.is_full = False  # The broker takes nothing from the socket.
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._received = bytearray()
        self._largest_frame = LARGEST_FRAME
        self._answers: deque[asyncio.Future[Frame]] = deque()  # The broker answers in the order of the requests.
        self._message: _Message | None = None
        self._published = 0
        self._beating: asyncio.TimerHandle | None = None

    # -- what its owner does

    async def open(self, address: Address, name: str) -> None:
        """Log in and open the channel."""
        await self._ask(ProtocolHeader().marshal(), 1)
        told: Any = {"product": "emplois", "connection_name": name, "capabilities": _CAPABILITIES}
        tune = await self.ask(commands.Connection.StartOk(told, "PLAIN", f"\0{address.user}\0{address.password}", "en_US"))
        assert isinstance(tune, commands.Connection.Tune)
        self._largest_frame = min(tune.frame_max or LARGEST_FRAME, LARGEST_FRAME)
        self._send(commands.Connection.TuneOk(tune.channel_max or 0, self._largest_frame, HEARTBEAT_SECONDS))
        await self.ask(commands.Connection.Open(address.vhost))
        self._beat()
        await self.ask(commands.Channel.Open(), commands.Confirm.Select())

    async def ask(self, *requests: Frame) -> Frame:
        """The answer to the last of these requests, which are sent at once."""
        return await self._ask(b"".join(map(frames.method, requests)), len(requests))

    def publish(self, request: Request) -> int:
        """Write one message; its tag is told when the broker has taken it."""
        if self.ended.is_set():
            raise Broken()
        self._transport.write(request.to_wire(self._largest_frame))
        self._published += 1
        return self._published

    def close(self) -> None:
        """Say goodbye and go; nobody waits for the answer."""
        if not self.ended.is_set():
            self._send(commands.Connection.Close(200, "", 0, 0))
            self._transport.close()
        if self._transport.get_write_buffer_size():  # The broker takes nothing, not even that.
            self._transport.abort()
        self._end()

    def abort(self) -> None:
        """Let go of the socket."""
        self._transport.abort()
        self._end()

    # -- what asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=MOST_UNSENT)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        self._received += data
        try:
            self._read()
        except Exception as error:  # Past what cannot be read, nothing can be.
            _log.warning("broker_unreadable", error=type(error).__name__)
            self.abort()

    # -- what the broker says

    def _read(self) -> None:
        at, received = 0, self._received
        while len(received) - at > frames.HEAD.size and not self.ended.is_set():
            kind, _, size = frames.HEAD.unpack_from(received, at)
            start, end = at + frames.HEAD.size, at + frames.HEAD.size + size
            if size > LARGEST_FRAME:
                raise ValueError("frame is too large")
            if len(received) <= end:
                break
            if received[end] != frames.END:
                raise ValueError("frame has no end")
            self._take(kind, bytes(received[start:end]))
            at = end + 1
        del received[:at]

    def _take(self, kind: int, payload: bytes) -> None:
        message = self._message
        if kind == frames.METHOD:
            self._take_method(payload)
        elif kind == frames.HEADER and message:
            message.size, message.correlation_id = frames.read_content(payload)
            self._complete(message)
        elif kind == frames.BODY and message:
            message.body += payload
            self._complete(message)

    def _take_method(self, payload: bytes) -> None:
        (index,) = frames.INDEX.unpack_from(payload)
        if index in (frames.ACK, frames.NACK):
            _, tag, bits = frames.CONFIRMATION.unpack_from(payload)
            self._listener.confirmed(tag, multiple=bool(bits & 1), is_taken=index == frames.ACK)
        elif index in (frames.DELIVER, frames.RETURN):
            self._message = _Message(is_returned=index == frames.RETURN)
        else:
            self._hear(frames.read_method(payload))

    def _complete(self, message: _Message) -> None:
        if len(message.body) < message.size:
            return
        self._message = None
        if message.is_returned:
            self._listener.returned(message.correlation_id)
        else:
            self._listener.replied(message.correlation_id, message.body)

    def _hear(self, said: Frame) -> None:
        match said:
            case commands.Connection.Blocked():
                self.is_alarmed = True
            case commands.Connection.Unblocked():
                self.is_alarmed = False
            case commands.Connection.Close() | commands.Channel.Close():
                _log.warning("broker_closed", code=said.reply_code)
                self.abort()
            case commands.Basic.Cancel():  # The queue of answers is gone.
                self.abort()
            case _:
                answer = self._answers.popleft()
                if not answer.done():
                    answer.set_result(said)

    # -- the rest

    async def _ask(self, sent: bytes, count: int) -> Frame:
        if self.ended.is_set():
            raise Broken()
        answers = [self._loop.create_future() for _ in range(count)]
        self._answers.extend(answers)
        self._transport.write(sent)
        async with asyncio.timeout(ANSWER_SECONDS):
            return (await asyncio.gather(*answers))[-1]

    def _send(self, said: Frame) -> None:
        self._transport.write(frames.method(said))

    def _beat(self) -> None:
        if self._loop.time() - self._heard_at > SILENT_SECONDS:
            self.abort()
            return
        self._transport.write(_BEAT)
        self._beating = self._loop.call_later(HEARTBEAT_SECONDS / 2, self._beat)

    def _end(self) -> None:
        self.ended.set()
        if self._beating:
            self._beating.cancel()
        while self._answers:
            answer = self._answers.popleft()
            if not answer.done():
                answer.set_exception(Broken())


async def connect(address: Address, listener: Listener) -> Connection:
    """A connection whose socket is open, and nothing more."""
    encryption = ssl.create_default_context() if address.is_encrypted else None
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(ANSWER_SECONDS):
        _, connection = await loop.create_connection(lambda: Connection(listener), address.host, address.port, ssl=encryption)
    return connection
