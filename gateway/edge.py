"""The outermost layer: request ids, problem documents, security headers, the access log."""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import log
from chassis.wire import CallFailed
from contracts.errors import Refusal
from gateway import metrics, problems, receiving
from gateway.problems import EdgeRefusal, Problem
from gateway.settings import Settings

API_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
DOCUMENTS_POLICY = (  # Swagger UI writes its own style elements and reads the OpenAPI document.
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
ONE_YEAR = 31_536_000  # Seconds.
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CLIENT_LEFT = 499  # Only in logs and metrics: nobody is there to get it.
UNKNOWN = "unknown"  # The pattern of what no table knows.

_log = log.get()

ErrorPage = Callable[[Request, Problem], Response]


class Edge:
    """Wraps the application; nothing that happens inside leaves without passing here."""

    def __init__(self, app: ASGIApp, settings: Settings, error_page: ErrorPage) -> None:
        self._app = app
        self._settings = settings
        self._error_page = error_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        request.state.request_id = receiving.request_id(request.headers.get("x-request-id"))
        # Until a table knows the address it may be a link that was mistyped: a secret.
        request.state.pattern, request.state.has_token = UNKNOWN, True
        answer = _Answer(request, send, self._settings)
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request.state.request_id):
            try:
                await self._serve(request, receive, answer)
            finally:
                _record(request, answer.status, time.perf_counter() - started)

    async def _serve(self, request: Request, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(request.scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = CLIENT_LEFT
        except Exception as error:  # The last resort: whatever went wrong, the client gets a problem document.
            await self._refuse(request, receive, answer, error)

    async def _refuse(self, request: Request, receive: Receive, answer: "_Answer", error: Exception) -> None:
        if isinstance(error, CallFailed):
            _log.error("call_failed", route=request.state.pattern)
        elif not isinstance(error, Refusal | EdgeRefusal):
            _log.error("request_broke", route=request.state.pattern, **log.describe(error))
        if answer.status:  # Half an answer is out: only the connection's end can tell that it is not whole.
            raise error
        problem = problems.of(error)
        request.state.refusal = problem.name
        response = None
        if wants_page(request):
            with contextlib.suppress(Exception):  # An error page that breaks leaves the problem document.
                response = self._error_page(request, problem)
        if response is None:
            response = problems.respond(problem, instance=_instance(request), request_id=request.state.request_id)
        response.headers.update(problem.headers)
        await response(request.scope, receive, answer.send)


class _Answer:
    """The way out: adds to every answer what every answer carries, and remembers its status."""

    def __init__(self, request: Request, send: Send, settings: Settings) -> None:
        self.status = 0
        self._request = request
        self._send = send
        self._settings = settings

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._add_headers(MutableHeaders(scope=message))
        await self._send(message)

    def _add_headers(self, headers: MutableHeaders) -> None:
        request = self._request
        headers["X-Request-Id"] = request.state.request_id
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer" if request.state.has_token else "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers.setdefault("Cache-Control", "no-store")
        headers.setdefault("Content-Security-Policy", API_POLICY)
        if not self._settings.insecure_cookies:
            headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR}"


def _instance(request: Request) -> str:
    """The address, but for a secret one."""
    if not request.state.has_token:
        return request.url.path
    return "" if request.state.pattern == UNKNOWN else str(request.state.pattern)


def wants_page(request: Request) -> bool:
    """Whether a person's browser asks, and for a page."""
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def _record(request: Request, status: int, seconds: float) -> None:
    """One line and two numbers a request. The route's pattern, never the path: some addresses are secrets."""
    pattern = request.state.pattern
    metrics.requests.labels(request.method if request.method in VERBS else "other", pattern, str(status)).inc()
    metrics.request_seconds.labels(pattern).observe(seconds)
    facts: dict[str, Any] = {
        "verb": request.method,
        "route": pattern,
        "status": status,
        "milliseconds": round(seconds * 1000, 1),
    }
    for name in ("account_id", "refusal"):
        if hasattr(request.state, name):
            facts[name] = str(getattr(request.state, name))
    _log.info("request_served", **facts)
