"""A small TCP proxy for faults: closed at first, then open; it cuts, resets, slows, or lets present connections fall silent."""

import contextlib
import socket
import struct
import threading
import time

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Forward:
    """Reserves a port without listening on it; `open` starts to forward."""

    def __init__(self, host, port):
        self._target = (host, port)
        self._clients, self._servers = [], []
        self._swallowed = set()
        self._reset = set()
        self._delay, self._rate = 0.0, float("inf")
        self.port = 0
        self._reserve()

    def _reserve(self):
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]

    def shut(self):
        """Cut every connection and refuse new ones, until `open`."""
        self.close()
        self._reserve()

    def silence(self):
        """From now on, what the server says on the present connections is swallowed: they are half-open."""
        self._swallowed = set(self._servers)

    def deafen(self):
        """From now on, what the clients say on the present connections is swallowed: they are half-open the other way."""
        self._swallowed = set(self._clients)

    def reset(self):
        """Cut every connection by RST, on both sides; new ones pass."""
        cut, self._clients, self._servers = self._clients + self._servers, [], []
        self._reset |= set(cut)
        for each in cut:
            with contextlib.suppress(OSError):  # Gone already.
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                each.shutdown(socket.SHUT_RD)  # Says nothing to the peer, and wakes the thread that reads.
            each.close()

    def slow(self, seconds, bytes_per_second):
        """From now on, each piece of what the server says comes so much later, and all of it at most so fast."""
        self._delay, self._rate = seconds, bytes_per_second

    def open(self):
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self):
        for each in [self._listener, *self._clients, *self._servers]:
            with contextlib.suppress(OSError):  # Never connected, or gone already.
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._clients, self._servers = [], []

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:  # Nobody is there: the client is told so.
                client.close()
                continue
            self._clients.append(client)
            self._servers.append(server)
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source, target):
        try:
            while data := source.recv(65536):
                if source in self._servers:
                    time.sleep(self._delay + len(data) / self._rate)
                if source not in self._swallowed:
                    target.sendall(data)
        except OSError:
            pass  # One side went: so does the other.
        finally:
            for each in {source, target} - self._reset:
                with contextlib.suppress(OSError):  # Already down.
                    each.shutdown(socket.SHUT_RDWR)
