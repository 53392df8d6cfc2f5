"""The servers of the tests of faults: a PostgreSQL and a RabbitMQ of their own, to kill, freeze, starve and lock out.

Each fault is a context manager that heals what it broke. Addresses stay the same; ask for them before a fault, as a `TestServers`
that is asked for one starts a server that it finds dead.
"""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from operations.local import postgresql, processes, testing
from operations.local.server import DidNotStart

# Kept through a kill, unlike `postgresql.FAST`; through a power cut, no.
SURVIVES_A_KILL = {**postgresql.FAST, "synchronous_commit": "on"}
VHOSTS = testing.STACK_VHOSTS[:3]  # Few: each costs time at each start of the broker.
RESTART_SECONDS = 60
ALARMS = {
    "disk": (("set_disk_free_limit", "1000000GB"), ("set_disk_free_limit", "100MB")),
    "memory": (("set_vm_memory_high_watermark", "0"), ("set_vm_memory_high_watermark", "0.4")),
}


class BreakableServers(testing.TestServers):
    """What `TestServers` offers, on servers that nobody else uses, and the faults; `name` is "postgresql" or "rabbitmq"."""

    def __init__(self, directory):
        super().__init__(directory, settings=SURVIVES_A_KILL)
        self.servers.rabbitmq.vhosts = VHOSTS

    def close(self):
        """Stop both and forget their data."""
        testing.close_session(self.directory)

    # -- processes

    def kill(self, name):
        """End a server the hard way (kill -9)."""
        self._server(name).kill()

    def restart(self, name):
        """Start a server that was killed, where everybody looks for it; return the seconds it took."""
        began = time.monotonic()
        while True:  # PostgreSQL refuses while a process of its forerunner lives.
            try:
                self._server(name).start(tries=1)
            except DidNotStart:
                if time.monotonic() - began > RESTART_SECONDS:
                    raise
                time.sleep(0.3)
            else:
                return time.monotonic() - began

    @contextlib.contextmanager
    def killed(self, name):
        """Dead at first; alive again at the end."""
        self.kill(name)
        try:
            yield
        finally:
            self.restart(name)

    @contextlib.contextmanager
    def frozen(self, name):
        """Its sockets stay open and nobody answers, until the end."""
        pids = family(self.ledger.find(name).pid)
        send_all(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            send_all(pids, signal.SIGCONT)

    def _server(self, name):
        return getattr(self.servers, name)

    # -- the broker's own commands

    def rabbitmqctl(self, *words):
        """Run one command of the broker's administrator; return what it printed."""
        broker = self.servers.rabbitmq
        done = subprocess.run(
            [str(rabbitmqctl_script()), "--quiet", *words],
            env=broker.environment(),
            cwd=broker.home,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"rabbitmqctl {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    @contextlib.contextmanager
    def alarm(self, kind):
        """The broker takes nothing more for want of "disk" or of "memory", until the end."""
        raised, cleared = ALARMS[kind]
        self.rabbitmqctl(*raised)
        try:
            yield
        finally:
            self.rabbitmqctl(*cleared)

    @contextlib.contextmanager
    def locked_out(self, user):
        """The broker no longer knows the user's password, nor its present connections."""
        self.rabbitmqctl("change_password", user, "another")
        self.rabbitmqctl("close_all_user_connections", user, "locked out")
        try:
            yield
        finally:
            self.rabbitmqctl("change_password", user, self.servers.rabbitmq.passwords[user])

    @contextlib.contextmanager
    def without_vhost(self, vhost):
        """The vhost is gone with all that was in it; at the end it is there again, empty."""
        self.rabbitmqctl("delete_vhost", vhost)
        try:
            yield
        finally:
            self.rabbitmqctl("import_definitions", str(self.servers.rabbitmq.home / "definitions.json"))

    def close_all_connections(self, vhost):
        """Let the broker end every connection to one vhost."""
        self.rabbitmqctl("close_all_connections", "--vhost", vhost, "a fault")

    # -- sessions of the database

    def terminate_sessions(self, database_url, count=None):
        """End so many of a database's sessions, chosen at random, or all; return how many there were."""
        database = sql.Literal(database_url.rpartition("/")[2])
        limit = sql.Literal(count)  # NULL: all.
        with self._superuser() as connection:
            statement = sql.SQL(
                "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = {}"
                " ORDER BY random() LIMIT {}) AS chosen"
            ).format(database, limit)
            return len(connection.execute(statement).fetchall())

    def superuser(self):
        """A connection that may do everything, to the database `postgres`."""
        return psycopg.connect(self.servers.postgresql.url(), autocommit=True)


def rabbitmqctl_script():
    """Return the package's own script: the one on the PATH changes to the user rabbitmq first."""
    return sorted(Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmqctl"))[-1]


def family(pid):
    """Return a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [processes.record_of("child", int(child)) for child in [pid, *children]]


def send_all(records, number):
    for record in records:
        processes.send(record, number)


def of_this_run():
    """The servers in a directory below the run's own, so that its end finds what a killed worker left."""
    return BreakableServers(Path(os.environ[testing.VARIABLE]) / "chaos")
