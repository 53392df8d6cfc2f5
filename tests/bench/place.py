"""Where it is measured: a private PostgreSQL that keeps its promises to the disk, a private RabbitMQ, and processes on them."""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

from operations.local import environment, keys, ports, postgresql, testing
from operations.local.stack import Stack
from tests.bench import contacts
from tests.bench.accounting import Span
from tests.bench.generator import ROOT, Generator
from tests.chassis.conftest import Probe


class Measured(Probe):
    """One of `tests.bench.probes`, as a process."""

    command = ()

    def start(self, ready=True):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([*self.command, self.name], cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        self.wait_until_ready()
        return self

    @property
    def pid(self):
        return self.process.pid


class Place:
    """Servers, a vhost of its own, and what runs there; all of it ends with the block of `place()`."""

    def __init__(self, servers, vhost, scratch, stack):
        self.servers = servers
        self.vhost = vhost
        self.scratch = scratch
        self._stack = stack

    @property
    def broker_admin_url(self):
        return self.servers.broker_url("admin", self.vhost)

    def span(self, **pids):
        """Count the processor time of the two servers beside that of these processes."""
        found = {name: self.servers.ledger.find(name).pid for name in ("postgresql", "rabbitmq")}
        return Span(**pids, broker=found["rabbitmq"], postgres=found["postgresql"])

    def beside(self):
        """Another vhost of the same servers."""
        vhost = self._stack.enter_context(self.servers.leased_vhost())
        scratch = self.scratch / vhost
        scratch.mkdir()
        return Place(self.servers, vhost, scratch, self._stack)

    def probe(self, name, python=sys.executable, module="tests.bench.probes"):
        """One of the measured services, started."""
        url = self.servers.empty_database(name)
        probe = Measured(name, url, self.servers.broker_url(name, self.vhost), self.servers.secrets, self.scratch)
        probe.command = (python, "-m", module)
        probe.create_tables()
        contacts.create(probe.engine)
        self._stack.callback(probe.engine.dispose)
        self._stack.callback(probe.stop)
        return probe.start()

    def caller(self):
        """A process that calls, as the services invitations and operator."""
        settings = {}
        for name in ("invitations", "operator"):
            settings[f"{name.upper()}_AMQP_URL"] = self.servers.broker_url(name, self.vhost)
            settings[f"{name.upper()}_SIGNING_KEY"] = self.servers.secrets[f"{name.upper()}_SIGNING_KEY"]
        return self.generator("tests.bench.caller", environment={**os.environ, **settings})

    def generator(self, module, *arguments, **options):
        generator = Generator(module, *arguments, log=self.scratch / "generator.log", **options)
        return self._stack.enter_context(generator)

    def announced(self, command):
        """A process that says when it is ready, and runs until the end."""
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        self._stack.callback(process.stdout.close)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        process.stdout.readline()
        return process

    def gateway(self, databases):
        """The gateway's own process, alone."""
        directory = self.scratch / "gateway"
        directory.mkdir()
        brokers = {name: self.servers.broker_url(name, self.vhost) for name in keys.PARTICIPANTS}
        addresses = dict.fromkeys(keys.SERVICES, databases)
        settings = environment.build(directory, self.servers.secrets, ports.Ports(directory / "ports.json"), addresses, brokers)
        gateway = Stack(directory, settings, without=(*keys.SERVICES, "mailbox"))
        self._stack.callback(gateway.stop)
        return gateway.start()


@contextmanager
def place():
    """The servers, started when first asked for."""
    directory = testing.open_session()
    try:
        with ExitStack() as stack:
            servers = testing.TestServers(settings=postgresql.DURABLE)
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            vhost = stack.enter_context(servers.leased_vhost())
            yield Place(servers, vhost, scratch, stack)
    finally:
        testing.close_session(directory)
