"""What a process watches of itself: how late its loop is, and whether the broker still knows it for a consumer."""

import time
from typing import Any

from chassis import log, metrics
from chassis.bus import connect, drop, open_channel
from chassis.health import missing_consumer

LAG_SECONDS, LAG_TOLD = 0.05, 0.5  # Looked at so often; told when it was so late.
CONSUMERS_SECONDS = 10.0
MOST_MISSES = 3  # Looks in a row that found no consumer of ours: the connection is condemned.

_log = log.get()


class Watch:
    """The watchdogs of one host, each a loop that ends when it stops."""

    def __init__(self, host: Any) -> None:
        self._host = host
        self._misses = 0

    def loop_lag(self) -> None:
        """Measure how late the loop comes back: whatever blocks the process shows here."""
        while not self._host.stopping.is_set():
            before = time.monotonic()
            self._host.stopping.wait(LAG_SECONDS)
            lag = max(0.0, time.monotonic() - before - LAG_SECONDS)
            metrics.loop_lag_seconds.observe(lag)
            if lag > LAG_TOLD:
                _log.warning("loop_lagged", seconds=round(lag, 3))

    def consumers(self) -> None:
        """Renew queues and bindings, and see that each queue has a consumer: a connection may live and be deaf."""
        while not self._host.stopping.is_set():
            if self._host.listener.is_up.is_set():
                try:
                    self._look()
                except Exception as error:  # The broker is away, or slow: the link notices by itself.
                    _log.info("consumers_not_seen", error=type(error).__name__)
            self._host.stopping.wait(CONSUMERS_SECONDS)

    def _look(self) -> None:
        self._host.caller.renew()
        connection = connect(self._host.settings.amqp_url)
        try:
            channel = open_channel(connection)
            for queue in self._host.queues():
                queue(channel).declare()  # A binding goes with its exchange, and only who declares it brings it back.
            missing = missing_consumer(channel, self._host.expected_queues())
        finally:
            drop(connection)
        self._misses = self._misses + 1 if missing else 0
        if self._misses >= MOST_MISSES:
            _log.error("consumer_missing", queue=missing)
            self._host.listener.condemn()
            self._misses = 0
