"""A private PostgreSQL and a private RabbitMQ, started and stopped together."""

from concurrent.futures import ThreadPoolExecutor

from operations.local import postgresql, provision
from operations.local.rabbitmq import RabbitMQ

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
        """Start again what died; return its names."""
        dead = [server for server in self.running if not server.is_alive()]
        for server in dead:
            server.start()
        return [server.name for server in dead]
