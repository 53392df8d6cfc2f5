"""Health of one process: `/livez`, `/readyz`, `/healthz`, `/metrics`, on a port of its own, outside the worker pool.

Liveness says that the process's loop turns, and nothing of broker or database. Readiness and health name each dependency.
Format of `/healthz`: application/health+json.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import amqp
import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from chassis import log
from chassis.bus import connect, drop, open_channel

ANSWER_IS_FRESH_FOR = 1.0  # Seconds: a probe storm asks the dependencies once.
CHECK_SECONDS = 2.0  # A dependency that does not answer for so long is told as such, and holds up nothing.
HEALTH_TYPE = "application/health+json"

_log = log.get()
Check = Callable[[], str | None]  # None when well, otherwise what is wrong.


class Health:
    """Named checks, asked at most once a second."""

    def __init__(self, name: str, checks: dict[str, Check]) -> None:
        self._name = name
        self._probes = {name: _Probe(check) for name, check in checks.items()}
        self._asking = threading.Lock()
        self._asked_at = float("-inf")
        self._found: dict[str, str | None] = {}

    def found(self) -> dict[str, str | None]:
        """What each check says."""
        with self._asking:
            if time.monotonic() - self._asked_at > ANSWER_IS_FRESH_FOR:
                for probe in self._probes.values():
                    probe.start()
                end = time.monotonic() + CHECK_SECONDS
                self._found = {name: probe.result(until=end) for name, probe in self._probes.items()}
                self._asked_at = time.monotonic()
            return self._found

    def document(self) -> tuple[bool, bytes]:
        """Whether all is well, and the health document."""
        found = self.found()
        well = not any(found.values())
        document = {
            "status": "pass" if well else "fail",
            "serviceId": self._name,
            "checks": {name: [_entry(problem)] for name, problem in found.items()},
        }
        return well, orjson.dumps(document)

    def wsgi(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """The four paths as a WSGI application."""
        path = environ.get("PATH_INFO", "")
        if path == "/livez":
            status, kind, body = "200 OK", "text/plain", b"ok\n"
        elif path == "/metrics":
            status, kind, body = "200 OK", CONTENT_TYPE_LATEST, generate_latest()
        elif path in ("/readyz", "/healthz"):
            well, body = self.document()
            status, kind = "200 OK" if well else "503 Service Unavailable", HEALTH_TYPE
        else:
            status, kind, body = "404 Not Found", "text/plain", b"not found\n"
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")])
        return [body]


def _entry(problem: str | None) -> dict[str, str]:
    return {"status": "pass"} if problem is None else {"status": "fail", "output": problem}


class _Probe:
    """One check, asked in a thread of its own, and not again while its last question is still open."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._done = threading.Event()
        self._done.set()
        self._problem: str | None = None

    def start(self) -> None:
        if self._done.is_set():
            self._done.clear()
            threading.Thread(target=self._ask, daemon=True).start()

    def result(self, *, until: float) -> str | None:
        """What the check says; `until` is on the monotonic clock."""
        return self._problem if self._done.wait(max(0.0, until - time.monotonic())) else "no answer"

    def _ask(self) -> None:
        try:
            self._problem = self._check()
        except Exception as error:
            self._problem = type(error).__name__
        finally:
            self._done.set()


def missing_consumer(url: str, queues: list[str]) -> str | None:
    """The first of these queues that nobody consumes, or that is not there; asked by a fresh connection."""
    connection = connect(url)
    try:
        channel = open_channel(connection)
        return next((queue for queue in queues if _consumers(channel, queue) < 1), None)
    finally:
        drop(connection)


def _consumers(channel: Any, queue: str) -> int:
    try:
        return channel.queue_declare(queue, passive=True).consumer_count
    except amqp.NotFound:  # The channel is gone with this answer, and so is the need to ask on.
        return 0


def checks_of(host: Any) -> dict[str, Check]:
    """What a service depends on: its database, the broker by a fresh connection, and its own consumers there."""

    def database() -> str | None:
        host.store.ping()
        return None

    def broker() -> str | None:
        missing = missing_consumer(host.settings.amqp_url, host.expected_queues())
        return missing and f"nobody consumes {missing}"

    return {
        "database": database,
        "broker": broker,
        "listener": lambda: host.listener.problem,
        "caller": lambda: host.caller.link.problem,
        "driver": lambda: None if host.driver_is_proven else "not proven yet",
    }


def serve_health(host: Any) -> None:
    """Serve until the process ends; each request in a thread of its own, none of them the workers'."""
    import eventlet
    from eventlet import wsgi

    health = Health(host.settings.name, checks_of(host))
    listening = eventlet.listen((host.settings.health_host, host.settings.health_port), reuse_addr=True)
    wsgi.server(listening, health.wsgi, log_output=False, keepalive=False, socket_timeout=5, max_size=64)
