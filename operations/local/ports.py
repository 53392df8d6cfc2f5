"""Free loopback ports, remembered from one start to the next."""

import json
import random
import socket
import threading
from pathlib import Path

# Below the range from which Linux takes the ports of outgoing connections, so that none of these vanishes by chance.
FIRST, LAST = 18000, 32000

# Ports that a person types; taken when they are free.
PREFERRED = {"gateway": 8000, "mailbox": 8025}


class NoFreePort(Exception):
    """No port of the range could be bound."""


class Ports:
    """One port a name, kept in a file; a port that somebody else took meanwhile is replaced."""

    def __init__(self, path, preferred=None):
        self.path = Path(path)
        self.preferred = preferred or {}
        self.known = self._read()
        self._given = set()
        self._lock = threading.RLock()  # Both servers start at once.

    def __getitem__(self, name):
        """Return the name's port, free at this moment unless it was already asked for in this process."""
        with self._lock:
            if name not in self.known or (name not in self._given and not is_free(self.known[name])):
                self.replace(name)
            self._given.add(name)
            return self.known[name]

    def replace(self, name):
        """Choose another port for a name, as its own turned out to be taken."""
        with self._lock:
            taken = set(self.known.values())
            wish = self.preferred.get(name)
            self.known[name] = wish if wish and wish not in taken and is_free(wish) else free_port(taken)
            self.path.write_text(json.dumps(self.known, indent=1))

    def reload(self):
        """Learn what another process of the same directory chose meanwhile."""
        self.known |= self._read()

    def _read(self):
        try:
            return {str(name): int(port) for name, port in json.loads(self.path.read_text()).items()}
        except (OSError, ValueError, AttributeError):
            return {}


def free_port(taken=()):
    for _ in range(200):
        port = random.randrange(FIRST, LAST)
        if port not in taken and is_free(port):
            return port
    raise NoFreePort


def is_free(port):
    """Say whether a server could listen there, on the loopback address and on all addresses alike."""
    return can_bind("127.0.0.1", port) and can_bind("", port)


def can_bind(host, port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def accepts(port):
    """Say whether somebody listens on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
