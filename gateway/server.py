"""The HTTP server: uvicorn with httptools, and what it lacks against headers that crawl and answers that nobody reads."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway import metrics, problems, receiving
from gateway.problems import EdgeRefusal, MalformedHeader
from gateway.settings import Settings

LARGEST_HEADERS = 32 * 1024  # Bytes.
MOST_PIPELINED = 16  # Requests sent ahead of their answers: uvicorn would keep as many as one packet holds, thousands.
KEEP_ALIVE_SECONDS = 15
LINGER_SECONDS = 5.0  # For a client to send the rest of a body that was refused; it is thrown away.
STOP_SECONDS = 10  # For requests in flight; a service manager waits longer.
BACKLOG = 1024


class HeadersAreTooSlow(EdgeRefusal):
    """Les en-têtes de la requête n'ont pas été reçus dans le temps imparti."""

    status = 408


class HeadersAreTooLarge(EdgeRefusal):
    """Les en-têtes de la requête sont trop volumineux."""

    status = 431


class HostIsMissing(EdgeRefusal):
    """Une requête nomme son hôte, une seule fois."""


class GuardedProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose headers must arrive whole within a time and a size, and whose answers must be read.

    uvicorn itself lets a client send headers for ever (its keep-alive time-out ends with the first byte), and waits for ever for
    one that reads nothing.
    """

    header_seconds = Settings.header_seconds
    write_seconds = Settings.write_seconds

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._is_in_headers = True
        self._header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_in_headers:
            self._start_timer()
            self._header_bytes += len(data)
        super().data_received(data)
        if self._is_in_headers and self._header_bytes > LARGEST_HEADERS:
            self._refuse(HeadersAreTooLarge())

    def on_message_begin(self) -> None:
        self._start_timer()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_timer()
        self._is_in_headers = False
        if len(self.pipeline) >= MOST_PIPELINED:
            self.transport.abort()  # A refusal now would be read as the answer to an earlier request.
        refusal = self._wrong_headers()
        if refusal:
            self._refuse(refusal)
        if self.transport.is_closing():
            raise refusal or HeadersAreTooLarge()  # Ends the parser.
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_timer()
        self._is_in_headers, self._header_bytes = True, 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._write_timer is None:
            self._watch_writing()
        if not self._is_in_headers and self.cycle.response_complete:
            # Closed at once, the rest of a refused body would reset the connection before the client reads why.
            self._stop_timer()
            self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._watch_writing()

    def send_400_response(self, msg: str) -> None:
        self._refuse(MalformedHeader())

    def _wrong_headers(self) -> EdgeRefusal | None:
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > LARGEST_HEADERS:
            return HeadersAreTooLarge()
        if any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in self.headers):
            return MalformedHeader()  # We decode nothing else, and a proxy might.
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):  # RFC 9112, 3.2.
            return HostIsMissing()
        return None

    def _watch_writing(self) -> None:
        """Cut the connection unless what is still unsent is read within a time from now on."""
        self._stop_write_timer()
        if self.transport.get_write_buffer_size():
            self._write_timer = self.loop.call_later(self.write_seconds, self._cut_unread)

    def _cut_unread(self) -> None:
        self._write_timer = None
        if self.transport.get_write_buffer_size():
            metrics.answers_cut.inc()
            self.transport.abort()

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.header_seconds, self._refuse, HeadersAreTooSlow())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, refusal: EdgeRefusal) -> None:
        self._stop_timer()
        if self.transport.is_closing():
            return
        metrics.headers_cut.labels(type(refusal).__name__).inc()
        problem = problems.of(refusal)
        response = problems.respond(problem, instance="", request_id=receiving.request_id(None))
        head = [f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}", "connection: close"]
        head += [f"{name}: {value}" for name, value in response.headers.items()]
        self.transport.write("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + bytes(response.body))
        self.transport.close()
        self._watch_writing()


class Server(uvicorn.Server):
    """A server among others in one loop: whoever starts it says when it stops."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


# It warns of every malformed request, which are counted and refused here.
logging.getLogger("uvicorn.error").setLevel(logging.ERROR)


def server(app: ASGIApp, host: str, port: int, header_seconds: float, write_seconds: float = Settings.write_seconds) -> Server:
    """A server of one application, ready to `serve()`."""
    protocol = type("Protocol", (GuardedProtocol,), {"header_seconds": header_seconds, "write_seconds": write_seconds})
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return Server(config)


async def serve(*servers: Server) -> None:
    """Serve until a signal; then let requests in flight end."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, servers)
    await asyncio.gather(*(one.serve() for one in servers))


def _stop(servers: tuple[Server, ...]) -> None:
    for one in servers:
        one.should_exit = True
