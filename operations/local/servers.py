"""A private PostgreSQL and a private RabbitMQ, started and stopped together."""

from concurrent.futures import ThreadPoolExecutor

from operations.local import postgresql, provision
from operations.local.rabbitmq import RabbitMQ
from operations.local.server import DidNotStart

BOTH = ("postgresql", "rabbitmq")


class Servers:
    """The private servers of one directory; either may be left out where the environment names another."""

    def __init__(self, directory, ledger, ports, secrets, *, vhosts, settings=postgresql.DURABLE, only=BOTH):
        directory.mkdir(parents=True, exist_ok=True)
        self.postgresql = postgresql.PostgreSQL(directory, ledger, ports, secrets["POSTGRESQL_PASSWORD"], settings)
        self.rabbitmq = RabbitMQ(directory, ledger, ports, provision.broker_passwords(secrets), vhosts, provision.grants)
        self.running = [server for server in (self.postgresql, self.rabbitmq) if server.name in only]

    def stop(self):
        """End both, side by side: each takes about a second."""
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda server: server.stop(), self.running))

    def revive(self):
        """Start again what died, on the port where everybody looks for it; DidNotStart tells of those that stay down."""
        failures = []
        for server in self.running:
            try:
                if not server.is_alive():
                    server.start(tries=1)
            except DidNotStart as failure:
                failures.append(str(failure))  # The other one must not wait for it.
        if failures:
            raise DidNotStart("\n".join(failures))
