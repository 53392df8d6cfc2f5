"""One connection to the broker, kept for ever: it reconnects after a crash, a freeze, a half-open socket or a closed channel.

A broken connection is dropped by its socket, never by waiting for Close-Ok: a half-open peer would never send it.
Works with threads and with eventlet's, which look the same from here.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import amqp
from kombu import Connection
from kombu.transport import pyamqp

from chassis import log, metrics
from chassis.backoff import waits

HEARTBEAT_SECONDS = 3  # Noticed after two missed, by us or by the broker: a half-open connection is replaced within 15 s.
CONNECT_SECONDS = 2
DRAIN_SECONDS = 1.0
ANSWER_SECONDS = 10.0  # For each answer of the broker, such as to a declaration.
STEADY_SECONDS = 5.0  # A connection that held so long starts the waits anew.
REFUSED = (amqp.PreconditionFailed, amqp.AccessRefused, amqp.NotAllowed)
BROKEN = (OSError, amqp.AMQPError, EOFError)

_log = log.get()


def user_of(url: str) -> str:
    """The broker user in an amqp:// URL: every message says who sends it, and the broker checks."""
    return unquote(urlsplit(url).username or "guest")


class _Connection(pyamqp.Connection):
    """py-amqp's, but that closes its socket whatever ends the handshake: a refused log-in would leave it open."""

    def connect(self, callback: Any = None) -> Any:
        try:
            return super().connect(callback)
        except BaseException:
            self.collect()
            raise


class _Transport(pyamqp.Transport):
    Connection = _Connection


def connect(url: str) -> Connection:
    """A connection that is open, with heartbeats and time-outs on every socket operation."""
    options = {"client_properties": {"product": "emplois"}}
    connection = Connection(
        url, transport=_Transport, heartbeat=HEARTBEAT_SECONDS, connect_timeout=CONNECT_SECONDS, transport_options=options
    )
    connection.ensure_connection(max_retries=0, reraise_as_library_errors=False)  # `connect` would try twice.
    # On the socket itself: the time-outs that py-amqp sets through the kernel do nothing to eventlet's sockets.
    connection.connection.sock.settimeout(ANSWER_SECONDS)
    # py-amqp would look for a « blocked » notice before each publish by reading the socket, which has its reader already.
    connection.connection.client_properties["capabilities"].pop("connection.blocked", None)
    return connection


def drop(connection: Connection | None) -> None:
    """Forget a connection at once, without a word to the peer."""
    if connection is None:
        return
    try:
        connection.collect(socket_timeout=0.5)
    except Exception as error:  # Whatever a broken socket says while it is closed changes nothing.
        _log.debug("drop_failed", error=type(error).__name__)


class LinkIsBlocked(OSError):
    """Another writer waits for the broker to take what it wrote."""


class _Writing:
    """A turn at writing. A class of its own: a generator's costs a tenth of a call."""

    def __init__(self, turn: Any, condemn: Callable[[], None], within: float) -> None:
        self._turn = turn
        self._condemn = condemn
        self._within = within

    def __enter__(self) -> None:
        if not self._turn.acquire(timeout=self._within):
            raise LinkIsBlocked()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind and issubclass(kind, BROKEN):
            self._condemn()
        self._turn.release()


class Link:
    """One connection and the thread that reads it.

    `opened(connection)` sets channels and consumers up on each new connection; `closed()` tells that what was in flight is lost.
    """

    def __init__(self, name: str, url: str, opened: Callable[[Connection], None], closed: Callable[[], None]) -> None:
        self.name = name
        self._url = url
        self._opened = opened
        self._closed = closed
        self._writing = threading.RLock()
        self._stopping = threading.Event()
        self.is_up = threading.Event()
        self._connection: Connection | None = None
        self._wire: Any = None  # py-amqp's connection under it.
        self._give_up = False
        self._refused: str | None = None

    def writing(self, within: float = -1) -> "_Writing":
        """One writer at a time; what breaks while writing condemns the connection.

        `within` is how long to wait for one's turn, in seconds, before LinkIsBlocked: a broker under alarm takes nothing.
        """
        return _Writing(self._writing, self.condemn, within)

    @property
    def problem(self) -> str | None:
        """What is wrong with it now; None when it is connected."""
        return None if self.is_up.is_set() else self._refused or "not connected"

    def holds(self, channel: Any) -> bool:
        """Whether a channel is one of the present connection."""
        return self._wire is not None and channel.connection is self._wire

    def condemn(self) -> None:
        """Replace the connection, though nothing on it has failed."""
        self._give_up = True

    def run(self) -> None:
        """Keep the connection until `stop`."""
        attempts = waits()
        while not self._stopping.is_set():
            opened_at = float("inf")
            try:
                self._open()
                opened_at = time.monotonic()
                self._drain()
            except Exception as error:  # Nothing that happens to one connection may end the process.
                if not self._stopping.is_set():
                    metrics.connections_lost.labels(link=self.name).inc()
                    self._tell(error)
            finally:
                self._lose()
            if time.monotonic() - opened_at > STEADY_SECONDS:
                attempts = waits()
            self._stopping.wait(next(attempts))

    def stop(self) -> None:
        """End the reader and drop the connection: what was not acknowledged goes back to its queue."""
        self._stopping.set()
        connection = self._connection
        drop(connection)

    def _tell(self, error: Exception) -> None:
        """A broker that refuses says why: a queue that stands otherwise than declared, a user that may not."""
        self._refused = str(error.reply_text) if isinstance(error, REFUSED) else None
        if self._refused:
            _log.error("broker_refused", link=self.name, reason=self._refused)
        else:
            _log.warning("broker_connection_lost", link=self.name, error=type(error).__name__)

    def _open(self) -> None:
        self._give_up = False
        self._connection = connect(self._url)
        self._wire = self._connection.connection
        with self.writing():
            self._opened(self._connection)
        self.is_up.set()
        _log.info("broker_connected", link=self.name)

    def _drain(self) -> None:
        assert self._connection is not None
        checked = time.monotonic()
        while not self._stopping.is_set() and not self._give_up:
            with suppress(TimeoutError):  # Nothing came: time to look at the heartbeats.
                self._connection.drain_events(timeout=DRAIN_SECONDS)
            if time.monotonic() - checked >= DRAIN_SECONDS:
                checked = time.monotonic()
                with self.writing():
                    self._connection.heartbeat_check()
        if self._give_up:
            raise ConnectionAbortedError("a write failed")

    def _lose(self) -> None:
        self.is_up.clear()
        connection, self._connection, self._wire = self._connection, None, None
        drop(connection)
        self._closed()


def open_channel(connection: Connection, prefetch: int | None = None) -> Any:
    """A channel of its own."""
    channel = connection.channel()
    if prefetch:
        channel.basic_qos(0, prefetch, False)
    return channel
