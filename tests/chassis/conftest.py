"""A probe service as a process of its own, on this worker's vhost and a fresh database."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import sqlalchemy as sa

from chassis import tables
from chassis.call import Caller
from chassis.db import driver_url
from chassis.settings import BusSettings
from chassis.subject import read_private_key
from operations.local import keys, ports
from tests.chassis.probes_tables import EFFECTS

ROOT = Path(__file__).resolve().parent.parent.parent


class Probe:
    """One probe process; `start`, `kill`, `stop`, and its database."""

    program = "tests.chassis"

    def __init__(self, name, database_url, amqp_url, secrets, directory):
        self.name = name
        self.database_url = database_url
        self.amqp_url = amqp_url
        self.seen = directory / f"{name}.seen"
        self.health_port = ports.Ports(directory / f"{name}-ports.json")["health"]
        self.log = directory / f"{name}.log"
        self.process = None
        prefix = name.upper()
        self.environment = {
            **os.environ,
            f"{prefix}_DATABASE_URL": database_url,
            f"{prefix}_AMQP_URL": amqp_url,
            f"{prefix}_SIGNING_KEY": secrets[f"{prefix}_SIGNING_KEY"],
            f"{prefix}_TOKEN_KEY": "ab" * 32,
            f"{prefix}_HEALTH_PORT": str(self.health_port),
            "SUBJECT_PUBLIC_KEYS": keys.public_keys(secrets),
            "PROBE_SEEN": str(self.seen),
        }
        self.engine = sa.create_engine(driver_url(database_url), poolclass=sa.NullPool)

    def create_tables(self):
        with self.engine.begin() as connection:
            tables.metadata.create_all(connection)
            connection.execute(sa.text(EFFECTS))

    def start(self, ready=True):
        if self.process:
            self.process.wait(10)  # It has ended: tests restart only what they stopped, or what ended itself.
        command = [sys.executable, "-m", self.program, self.name]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        if ready:
            self.wait_until_ready()
        return self

    def wait_until_ready(self, seconds=30):
        def is_ready():
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            return self.get("/readyz")[0] == 200

        wait_for(is_ready, seconds, lambda: self.log.read_text()[-3000:])

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}{path}", timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 0, b""

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                return self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode if self.process else None

    def rows(self, statement, **values):
        with self.engine.begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return list(result) if result.returns_rows else []

    def cpu_seconds(self):
        """Processor time that the process has used."""
        user, system = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def metric(self, sample):
        """The value of one sample of `/metrics`, given with its labels; 0 where there is none yet."""
        lines = self.get("/metrics")[1].decode().splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{sample} ")), 0.0)

    def effects(self, cause):
        return self.rows("SELECT count(*) FROM effects WHERE cause = :cause", cause=str(cause))[0][0]


def wait_for(condition, seconds=15, explain=lambda: ""):
    """Wait until a condition holds; fail with an explanation when it never does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    pytest.fail(f"not within {seconds} s. {explain()}")


@pytest.fixture
def make_probe(servers, empty_database, tmp_path):
    """`make_probe("notifications")`: not started yet; on a vhost without queues of earlier tests."""
    probes = []
    with servers.leased_vhost() as vhost:

        def make(name, amqp_url=None, database_url=None):
            url = database_url or empty_database(name)
            probe = Probe(name, url, amqp_url or servers.broker_url(name, vhost), servers.secrets, tmp_path)
            probe.vhost = vhost
            probe.create_tables()
            probes.append(probe)
            return probe

        yield make
        for probe in probes:
            probe.stop()
            probe.engine.dispose()


@pytest.fixture
def make_caller(servers):
    """`make_caller("operator", vhost)`: a participant that calls, in this process."""
    callers = []

    def make(name, vhost, url=None):
        key = read_private_key(servers.secrets[f"{name.upper()}_SIGNING_KEY"])
        caller = Caller(BusSettings(name, url or servers.broker_url(name, vhost), key))
        caller.start()
        callers.append(caller)
        return caller

    yield make
    for caller in callers:
        caller.link.stop()
