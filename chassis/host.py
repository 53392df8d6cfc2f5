"""What one service's process shares: its connections, its database, its relay, and the messages on their way to a worker.

The reader of the broker never waits for a worker: messages go through a local queue, bounded by the prefetch.
"""

import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from kombu import Connection, Queue
from nameko.extensions import SharedExtension

from chassis import log, metrics, topology, waiting
from chassis.admission import Admission
from chassis.bus import Link, open_channel
from chassis.call import Caller
from chassis.db import Store
from chassis.hands import Hands
from chassis.health import serve_health
from chassis.purge import PURGE_SECONDS, purge
from chassis.relay import Relay
from chassis.settings import ServiceSettings
from chassis.subject import Verifier
from chassis.sweep import Sweep
from chassis.watch import Watch

CALLS_AHEAD = 2  # Times as many calls as workers: those that find all at work are seen, and refused when they waited too long.
EVENTS_PREFETCH = 5
CALLS_WORKERS = 3  # Workers that events leave to calls.
DISPATCH_AGAIN_SECONDS = 2.0  # Doubling up to a minute: what cannot be taken now waits, and those behind it do not.
MOST_DISPATCH_SECONDS = 60.0
COUNT_SECONDS = 5.0

_log = log.get()


class Host(SharedExtension):
    """The shared parts, started with the container and stopped after its last worker."""

    def __init__(self) -> None:
        self.serving: dict[str, Any] = {}  # Method name -> its entrypoint.
        self.handling: dict[str, Any] = {}  # `service.handler` -> its entrypoint.
        self.stopping = threading.Event()
        self.driver_is_proven = False
        self._inbound: queue.SimpleQueue = queue.SimpleQueue()
        self._consumers: list[tuple[Any, str]] = []
        self._is_ready = False

    def prepare(self) -> None:
        """Make the shared parts, once, whichever extension asks first."""
        if self._is_ready:
            return
        self._is_ready = True
        self.settings: ServiceSettings = self.container.config["settings"]
        settings = self.settings
        self.store = Store(
            settings.database_url,
            settings.name,
            clock_offset_file=settings.clock_offset_file,
            pool_size=settings.max_workers,
        )
        self.verifier = Verifier(settings.public_keys)
        self.admission = Admission()
        self.hands = Hands(max(1, settings.max_workers - CALLS_WORKERS))
        self.caller = Caller(settings)
        self.relay = Relay(self.store, settings)
        self.store.on_announced = self.relay.wake
        self.listener = Link(f"{settings.name}.listener", settings.amqp_url, self._listen, self._consumers.clear)

    def setup(self) -> None:
        self.prepare()

    def start(self) -> None:
        watch = Watch(self)
        loops: list[Callable[[], None]] = [
            self.caller.link.run,
            self.listener.run,
            self.relay.run,
            self._dispatch,
            watch.loop_lag,
            watch.consumers,
            Sweep(self).run,
            self._count,
            self._purge,
            lambda: serve_health(self),
        ]
        for loop in loops:
            self.container.spawn_managed_thread(loop, identifier=getattr(loop, "__qualname__", "loop"))

    @property
    def is_full(self) -> bool:
        """Whether every worker is at work: another call would wait."""
        return self.container._worker_pool.free() <= 0

    def quiet(self) -> None:
        """Take no more messages; what is in hand goes on. Called by each entrypoint's stop."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        try:
            with self.listener.writing():
                for channel, tag in self._consumers:
                    if channel.connection is not None:
                        channel.basic_cancel(tag, nowait=True)
        except Exception as error:  # A broken connection takes no messages either.
            _log.info("cancel_failed", error=type(error).__name__)
        self._inbound.put(None)

    def stop(self) -> None:
        self.quiet()
        self.relay.stop()
        self.listener.stop()
        self.caller.link.stop()
        self.store.close()

    def dispatch(self, work: Callable[[], None], wait: float = DISPATCH_AGAIN_SECONDS) -> None:
        """Do this in its turn, such as to hand a message to its entrypoint; again after `wait` seconds if it fails."""
        self._inbound.put((work, wait))

    def aside(self, work: Callable[[], None]) -> None:
        """Do what may take long, such as to wait for the database, without holding up the next message; again if it fails."""

        def run() -> None:
            try:
                work()
            except Exception as error:  # A managed thread that fails would end the process.
                _log.error("aside_failed", **log.describe(error))
                self._later(partial(self.aside, work), DISPATCH_AGAIN_SECONDS)

        self.container.spawn_managed_thread(run, identifier="aside")

    def expected_queues(self) -> list[str]:
        """The queues on which this process must be a consumer to be ready."""
        own = [f"{self.settings.name}.calls"] if self.serving else []
        return own + list(self.handling)

    def ack(self, message: Any) -> None:
        """Settle a message on the channel it came by; one of a lost connection is redelivered, and deduplicated."""
        try:
            with self.listener.writing():
                if self.listener.holds(message.channel):  # Else it came by a connection that is gone; the present one is well.
                    message.channel.basic_ack(message.delivery_tag)
                    return
        except Exception as error:
            if self.listener.holds(message.channel):  # Unacknowledged, it would hold its place among those in hand for ever.
                self.listener.condemn()
            _log.info("ack_failed", error=type(error).__name__)
        metrics.acks_lost.inc()

    def queues(self) -> list[Queue]:
        """What this process declares and consumes, with its bindings; a handler's once for each exchange that it hears."""
        name = self.settings.name
        own = [topology.calls_queue(name)] if self.serving else []
        heard = [queue for handler, one in self.handling.items() for queue in topology.handler_queues(handler, one.events)]
        return own + heard + ([topology.dead_queue(name)] if self.handling else [])

    def _listen(self, connection: Connection) -> None:
        if self.stopping.is_set():
            return
        with connection.channel() as channel:
            topology.dead_letters(self.settings.name)(channel).declare()
            topology.replies(channel).declare()
            for queue in self.queues():
                queue(channel).declare()
        if self.serving:
            channel = open_channel(connection, CALLS_AHEAD * self.settings.max_workers)
            self._consume(channel, f"{self.settings.name}.calls", self._take_call)
        for handler, entrypoint in self.handling.items():
            self._consume(open_channel(connection, EVENTS_PREFETCH), handler, entrypoint.take)
        if self.handling:
            entrypoint = next(iter(self.handling.values()))
            self._consume(open_channel(connection, EVENTS_PREFETCH), f"{self.settings.name}.dead", entrypoint.take_dead)

    def _consume(self, channel: Any, queue_name: str, take: Callable[[Any], None]) -> None:
        def received(message: Any) -> None:
            self.dispatch(partial(take, message))

        tag = channel.basic_consume(queue_name, callback=received, on_cancel=self._cancelled)
        self._consumers.append((channel, tag))

    def _cancelled(self, _tag: str) -> None:
        _log.error("consumer_cancelled_by_broker")
        raise ConnectionResetError("the broker cancelled a consumer: reconnect and declare again")

    def _take_call(self, message: Any) -> None:
        name = (message.delivery_info or {}).get("routing_key", "")
        entrypoint = self.serving.get(name)
        if entrypoint is None:
            metrics.calls_served.labels(method="unknown", outcome="unknown").inc()
            _log.warning("call_unknown", method=name[:100])
            self.ack(message)
            return
        entrypoint.take(message)

    def _dispatch(self) -> None:
        while True:
            item = self._inbound.get()
            if item is None:
                return
            work, wait = item
            try:
                work()
            except Exception as error:  # One message may not stop the next; it is neither lost nor forgotten unsettled.
                _log.error("dispatch_failed", **log.describe(error))
                self._later(work, wait)

    def _later(self, work: Callable[[], None], wait: float) -> None:
        timer = threading.Timer(wait, self.dispatch, (work, min(wait * 2, MOST_DISPATCH_SECONDS)))
        timer.daemon = True
        timer.start()

    def _purge(self) -> None:
        while not self.stopping.wait(PURGE_SECONDS):
            try:
                self._purge_all()
            except Exception as error:  # The next turn may succeed.
                _log.warning("purge_failed", **log.describe(error))

    def _purge_all(self) -> None:
        """One batch after the other until nothing is too old: more may come between two turns than one batch holds."""
        purged = 1
        while purged and not self.stopping.is_set():
            with self.store.transaction() as (session, now):
                purged = purge(session, now=now)

    def _count(self) -> None:
        while not self.stopping.wait(COUNT_SECONDS):
            try:
                with self.store.reading() as session:
                    waiting.count(session)
            except Exception as error:  # The last numbers stand until the next turn.
                _log.warning("count_failed", **log.describe(error))


class Shares:
    """Gives an extension the host of its container."""

    host = Host()
