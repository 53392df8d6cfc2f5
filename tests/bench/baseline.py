"""Echoes by plain py-amqp: one process asks, another answers."""

import sys

from tests.bench.measure import generated


class Baseline:
    """Both processes; what is compared with them takes turns with them."""

    def __init__(self, place):
        self._echo = place.announced([sys.executable, "-m", "tests.bench.raw", "echo", place.broker_admin_url])
        self._asker = place.generator("tests.bench.raw", "ask", place.broker_admin_url)

    def measure(self, callers):
        """So many requests in flight on one connection."""
        pids = {"asks": self._asker.pid, "serves": self._echo.pid}
        return generated(f"raw py-amqp echo, {callers} in flight", self._asker, pids, is_baseline=True, callers=callers)
