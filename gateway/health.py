"""Whether the gateway lives, may be sent requests, and what it depends on: on a port of its own, outside the request path.

`/livez` depends on nothing. `/readyz` needs the broker. `/healthz` also names the five services, each as it sees itself.
"""

import asyncio
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gateway.asking import Calls

MEDIA_TYPE = "application/health+json"
ASK_SECONDS = 3.0  # A service tells of a dependency that does not answer within 2 s.
LONGEST_OUTPUT = 500  # Characters told of one service.
FRESH_SECONDS = 1.0  # Asked more often, the last answer serves: a page must not become a load on the services.


class Health:
    """What the gateway knows of its dependencies."""

    def __init__(self, bus: Calls, services: dict[str, str]) -> None:
        self._bus = bus
        self._services = services
        self._lock = asyncio.Lock()
        self._last: tuple[float, dict[str, Any]] = (0.0, {})

    async def report(self) -> dict[str, Any]:
        """The health document; `fail` only when the gateway itself cannot serve."""
        async with self._lock:
            asked_at, report = self._last
            if not report or time.monotonic() - asked_at > FRESH_SECONDS:
                report = await self._ask()
                self._last = (time.monotonic(), report)
        return report

    async def _ask(self) -> dict[str, Any]:
        states = await asyncio.gather(*(asyncio.to_thread(state_of, url) for url in self._services.values()))
        checks = {"broker": _check("component", *(("pass", "") if self._bus.is_up else ("fail", "not connected")))}
        checks |= {name: _check("system", *state) for name, state in zip(self._services, states, strict=True)}
        worst = "pass" if all(status == "pass" for status, _ in states) else "warn"
        return {"status": worst if self._bus.is_up else "fail", "serviceId": "gateway", "checks": checks}


def state_of(url: str) -> tuple[str, str]:
    """What one service says of itself, and what is wrong with it; `fail` when it says nothing."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=ASK_SECONDS) as answer:
            return _state(answer.read(65_536))
    except urllib.error.HTTPError as answer:
        return _state(answer.read(65_536))
    except OSError:
        return "fail", "no answer"


def _state(raw: bytes) -> tuple[str, str]:
    try:
        document = orjson.loads(raw)
        status, wrong = document["status"], _wrong(document.get("checks", {}))
    except (ValueError, LookupError, TypeError, AttributeError):
        return "fail", "not a health document"
    return (status if status in ("pass", "warn", "fail") else "fail"), wrong


def _wrong(checks: dict[str, list[dict[str, Any]]]) -> str:
    """The failing checks by name, each with what it says."""
    failing = [(name, entry) for name, entries in checks.items() for entry in entries if entry["status"] != "pass"]
    return ", ".join(f"{name}: {entry.get('output', entry['status'])}" for name, entry in failing)[:LONGEST_OUTPUT]


def _check(kind: str, status: str, output: str) -> list[dict[str, Any]]:
    entry = {"componentType": kind, "status": status, "time": datetime.now(UTC).isoformat()}
    return [entry | {"output": output} if output else entry]


def health_app(health: Health, bus: Calls) -> Starlette:
    """The application of the health port."""

    async def livez(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(request: Request) -> Response:
        return PlainTextResponse("ok\n") if bus.is_up else PlainTextResponse("broker\n", 503)

    async def healthz(request: Request) -> Response:
        report = await health.report()
        status = 503 if report["status"] == "fail" else 200
        return Response(orjson.dumps(report), status, media_type=MEDIA_TYPE)

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route(f"/{one.__name__}", one) for one in (livez, readyz, healthz, metrics)])
