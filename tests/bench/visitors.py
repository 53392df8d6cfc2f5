"""A load generator over HTTP: so many connections kept alive, one request in flight on each; plain sockets."""

import selectors
import socket
import sys
import time
from functools import partial

from tests.bench.generator import Stopwatch, answer_jobs


class Visitor:
    """One connection."""

    def __init__(self, port, request):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = request

    def ask(self):
        self._received = b""
        self.begun = time.perf_counter()
        self.socket.sendall(self._request)

    def is_answered(self):
        """Read what has come; whether that is all."""
        got = self.socket.recv(65_536)
        self._received += got
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not got or not head.startswith(b"HTTP/1.1 200"[: len(head)]):
            raise RuntimeError(self._received.decode(errors="replace"))
        return bool(end) and len(body) >= int(head.lower().partition(b"content-length:")[2].split()[0])


def visit(port, request, callers, seconds):
    """Ask the same on every connection until the time is over."""
    visitors = [Visitor(port, request) for _ in range(callers)]
    watch = Stopwatch(seconds)
    with selectors.DefaultSelector() as selector:
        for visitor in visitors:
            selector.register(visitor.socket, selectors.EVENT_READ, visitor)
            visitor.ask()
        while selector.get_map():
            for key, _ in selector.select(10):
                go_on(selector, watch, key.data)
    return watch.result()


def go_on(selector, watch, visitor):
    if not visitor.is_answered():
        return
    watch.took(visitor.begun)
    if watch.is_running():
        visitor.ask()
    else:
        selector.unregister(visitor.socket)
        visitor.socket.close()


if __name__ == "__main__":
    request = f"GET {sys.argv[2]} HTTP/1.1\r\nHost: 127.0.0.1:{sys.argv[1]}\r\nAccept: application/json\r\n\r\n"
    answer_jobs(partial(visit, int(sys.argv[1]), request.encode()))
