"""A small TCP proxy for faults: closed at first, then open; connections of a moment can fall silent while new ones pass."""

import contextlib
import socket
import threading


class Forward:
    """Reserves a port without listening on it; `open` starts to forward."""

    def __init__(self, host, port):
        self._target = (host, port)
        self._sockets = []
        self._silent = set()
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
        self._silent = set(self._sockets)

    def open(self):
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        for each in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):  # Never connected, or gone already.
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._sockets += [client, server]
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, target, target is client), daemon=True).start()

    def _pass_on(self, source, target, to_client):
        try:
            while data := source.recv(65536):
                if not (to_client and target in self._silent):
                    target.sendall(data)
        except OSError:
            pass  # One side went: so does the other.
        finally:
            for each in (source, target):
                with contextlib.suppress(OSError):  # Already down.
                    each.shutdown(socket.SHUT_RDWR)
