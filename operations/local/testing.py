"""The servers of a test run: private, started when a test first asks, shared by all its workers, gone at its end.

The process that runs pytest opens the session; its xdist workers find it by one environment variable.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import uuid
from pathlib import Path

import amqp
import psycopg
from psycopg import sql

from chassis import topology
from contracts.vocabulary import SERVICES
from operations.local import environment, keys, ports, postgresql, processes, programs, provision
from operations.local.places import RUN
from operations.local.rabbitmq import ADMINISTRATOR
from operations.local.servers import Servers
from operations.local.stack import Stack

VARIABLE = "EMPLOIS_TEST_SERVERS"
STACK_VHOSTS = [f"stack{number}" for number in range(8)]


def worker_vhosts():
    """Return one vhost a worker, and some for those that take a dead one's place under a number of their own."""
    return [f"test{number}" for number in range(int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)) + 8)]


# Data that are about to be deleted need no orderly end. (A PostgreSQL killed harder would leak its shared memory.)
AT_ONCE = {"postgresql": signal.SIGQUIT, "rabbitmq": signal.SIGKILL}


def open_session():
    """Make this run's directory, after cleaning up behind runs that were killed."""
    (RUN / "test").mkdir(parents=True, exist_ok=True)
    for directory in (RUN / "test").iterdir():
        if directory.is_dir() and not owner_is_alive(directory):
            close_session(directory)
    directory = RUN / "test" / uuid.uuid4().hex[:8]
    directory.mkdir()
    processes.Ledger(directory / "owner.json").add("pytest", os.getpid())
    os.environ[VARIABLE] = str(directory)
    return directory


def owner_is_alive(directory):
    return processes.Ledger(directory / "owner.json").find("pytest") is not None


def close_session(directory):
    """Stop everything that was started for this run, and forget its data."""
    ledgers = [processes.Ledger(path) for path in directory.rglob("processes.json")]
    records = [record for ledger in ledgers for record in ledger.living() if record.name != "run"]  # "run" is pytest.
    for record in records:
        processes.send(record, AT_ONCE.get(record.name, signal.SIGTERM))
    processes.stop(processes.wait_for_end(records, patience=5.0), signal.SIGKILL)
    for ledger in ledgers:
        postgresql.forget(ledger.path.parent)
    shutil.rmtree(directory, ignore_errors=True)


class TestServers:
    """What the fixtures stand on, in the run's own process and in each of its workers alike."""

    __test__ = False

    def __init__(self, directory=None, settings=postgresql.FAST):
        self.directory = Path(directory or os.environ[VARIABLE])
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.locked("set-up"):
            self.secrets = keys.load_or_make(self.directory / "secrets")
        self.ledger = processes.Ledger(self.directory / "processes.json")
        self.ports = ports.Ports(self.directory / "ports.json")
        self.servers = Servers(
            self.directory, self.ledger, self.ports, self.secrets, vhosts=worker_vhosts() + STACK_VHOSTS, settings=settings
        )

    @contextlib.contextmanager
    def locked(self, name):
        with open(self.directory / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    # -- PostgreSQL

    @property
    def postgresql(self):
        """The server, running."""
        server = self.servers.postgresql
        with self.locked(server.name):
            self.ports.reload()
            if not server.is_alive():
                server.start()
                self._make_roles()
        return server

    def _make_roles(self):
        with self._superuser() as connection:
            for service in SERVICES:
                provision.make_role(connection, service, self.secrets[f"{service.upper()}_DATABASE_PASSWORD"])

    def _superuser(self):
        return psycopg.connect(self.servers.postgresql.url(), autocommit=True)

    def database_url(self, service, database):
        return provision.private_url(self.postgresql, service, self.secrets, database)

    def empty_database(self, service):
        """Return the address of a new database without tables, owned by the service's role."""
        return self._create(service, template="template0")

    def fresh_database(self, service):
        """Return the address of a new database with the service's tables."""
        self.migrate_templates([service])
        return self._create(service, template=f"{service}_template")

    def drop_database(self, url):
        with self._superuser() as connection:
            name = sql.Identifier(url.rpartition("/")[2])
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def _create(self, service, template):
        name = f"{service}_{uuid.uuid4().hex[:10]}"
        url = self.database_url(service, name)
        with self._superuser() as connection:
            provision.make_database(connection, name, service, template)
        return url

    def migrate_templates(self, services=SERVICES):
        """Make the databases that fresh ones are copied from: migrations run once per service and run."""
        done = self.directory / "migrated.json"
        with self.locked("migrations"):
            migrated = json.loads(done.read_text()) if done.exists() else []
            missing = [service for service in services if service not in migrated]
            if missing:
                self._migrate(missing)
                done.write_text(json.dumps(migrated + missing))

    def _migrate(self, services):
        urls = {service: self.database_url(service, f"{service}_template") for service in services}
        with self._superuser() as connection:
            for service in services:
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(f"{service}_template")))
                provision.make_database(connection, f"{service}_template", service)
        programs.migrate(services, {f"{service.upper()}_DATABASE_URL": url for service, url in urls.items()})

    # -- RabbitMQ

    @property
    def rabbitmq(self):
        """The broker, running."""
        broker = self.servers.rabbitmq
        with self.locked(broker.name):
            self.ports.reload()
            if not broker.is_alive():
                broker.start()
        return broker

    def broker_url(self, user, vhost):
        return self.rabbitmq.url(user, vhost)

    @contextlib.contextmanager
    def leased_vhost(self):
        """Lend a vhost that nobody else uses, without queues."""
        with contextlib.ExitStack() as stack:
            vhost = next(vhost for vhost in STACK_VHOSTS if self._claim(stack, vhost))
            self.delete_queues(vhost)
            yield vhost

    def _claim(self, stack, vhost):
        lock = stack.enter_context(open(self.directory / f"{vhost}.lease", "w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def delete_queues(self, vhost):
        """Delete the queues that earlier users of a vhost left there."""
        rabbitmq = self.rabbitmq
        password = self.secrets["ADMIN_AMQP_PASSWORD"]
        with amqp.Connection(f"127.0.0.1:{rabbitmq.port}", ADMINISTRATOR, password, virtual_host=vhost) as connection:
            channel = connection.channel()
            for service in SERVICES:
                queues = [topology.calls_queue(service), topology.dead_queue(service)]
                for queue in queues + topology.queues_listening_to(service):
                    channel.queue_delete(queue.name)

    # -- everything

    @contextlib.contextmanager
    def new_stack(self, without=()):
        """Run the whole system on databases and a vhost of its own."""
        directory = self.directory / f"run-{uuid.uuid4().hex[:6]}"
        directory.mkdir()
        kept = [service for service in SERVICES if service not in without]
        self.migrate_templates(kept)
        databases = {service: self.database_url(service, "left_out") for service in SERVICES}
        databases |= {service: self.fresh_database(service) for service in kept}
        with self.leased_vhost() as vhost:
            brokers = {name: self.broker_url(name, vhost) for name in keys.PARTICIPANTS}
            own_ports = ports.Ports(directory / "ports.json")
            settings = environment.build(directory, self.secrets, own_ports, databases, brokers)
            stack = Stack(directory, settings, without)
            try:
                yield stack.start()
            finally:
                stack.stop()
                for service in kept:
                    self.drop_database(databases[service])
