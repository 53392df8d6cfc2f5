"""A private RabbitMQ: its own data, ports, cookie and port mapper; users and permissions are loaded at boot."""

import base64
import hashlib
import json
import os
import secrets
import shutil
import socket
from pathlib import Path

import amqp

from operations.local import processes
from operations.local.server import DidNotStart, Server

ADMINISTRATOR = "admin"


class RabbitMQ(Server):
    name = "rabbitmq"
    patience = 120.0

    def __init__(self, directory, ledger, ports, passwords, vhosts, permissions):
        """`passwords` by user; `permissions(user, vhost)` returns the definitions' two lists for that pair."""
        super().__init__(directory, ledger, ports)
        self.passwords = passwords
        self.vhosts = vhosts
        self.permissions = permissions
        self.home = self.directory / "rabbitmq"

    def url(self, user, vhost):
        return f"amqp://{user}:{self.passwords[user]}@127.0.0.1:{self.port}/{vhost}"

    # -- the port mapper, without which the Erlang machine does not start, and which outlives it when it starts it

    def start_mapper(self):
        """Start a port mapper of our own: a shared one would be another's to stop."""
        if not self.ledger.find("epmd"):
            port = str(self.ports["epmd"])
            self.ledger.launch("epmd", ["epmd", "-address", "127.0.0.1", "-port", port], self.log)

    def stop(self):
        super().stop()
        mapper = self.ledger.find("epmd")
        if mapper:
            processes.stop([mapper])
        self.ledger.remove("epmd")

    # -- files

    def prepare(self):
        if set("'\"") & set(str(self.home)):
            raise DidNotStart(f"RabbitMQ ne démarre pas sous un chemin avec une apostrophe ou un guillemet : {self.home}")
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        self.write_cookie()
        (self.home / "definitions.json").write_text(json.dumps(self.definitions()))
        (self.home / "rabbitmq.conf").write_text(
            "load_definitions = definitions.json\n"  # By its name alone: the folder's may hold a #.
            "log.file.level = info\n"
            "disk_free_limit.absolute = 100MB\n"
        )  # fmt: skip
        (self.home / "enabled_plugins").write_text("[].\n")
        self.start_mapper()

    def write_cookie(self):
        cookie = self.home / ".erlang.cookie"
        if not cookie.exists():
            cookie.touch(mode=0o600)
            cookie.write_text(secrets.token_hex(20))
            cookie.chmod(0o400)

    def definitions(self):
        granted = [self.permissions(user, vhost) for user in self.passwords for vhost in self.vhosts]
        return {
            "users": [user_definition(user, password) for user, password in self.passwords.items()],
            "vhosts": [{"name": vhost} for vhost in self.vhosts],
            "permissions": [row for plain, _ in granted for row in plain],
            "topic_permissions": [row for _, topics in granted for row in topics],
            **{kind: [] for kind in ("exchanges", "queues", "bindings", "policies", "parameters", "global_parameters")},
        }

    # -- the process

    def command(self):
        return [str(server_script())], {"env": self.environment(), "cwd": self.home}

    def environment(self):
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": "emplois@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.ports["rabbitmq distribution"]),
            "ERL_EPMD_PORT": str(self.ports["epmd"]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(self.home / "data"),
            "RABBITMQ_LOG_BASE": str(self.home / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.home / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(self.home / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(self.home / "no-such-file"),
            "RABBITMQ_PID_FILE": str(self.home / "pid"),
            # The script then becomes the server instead of watching over it: one pid, which is the one we know.
            "RUNNING_UNDER_SYSTEMD": "1",
            # Other machines must not reach the cluster's port.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }

    def is_ready(self):
        """Listeners open after the definitions are loaded; a log-in proves both."""
        if not answers_amqp(self.port):
            return False
        user = next(iter(self.passwords))
        try:
            with amqp.Connection(
                f"127.0.0.1:{self.port}", user, self.passwords[user], virtual_host=self.vhosts[0], connect_timeout=5
            ):
                return True
        except (OSError, amqp.AMQPError):
            return False


def server_script():
    """Return the server's own script: the one on the PATH changes to the user rabbitmq first."""
    scripts = sorted(Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server"))
    return scripts[-1] if scripts else shutil.which("rabbitmq-server")


def answers_amqp(port):
    """Say whether a broker is there, asked with a header that every broker refuses at once."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as probe:
            probe.sendall(b"AMQP\0\0\0\0")
            return probe.recv(4) == b"AMQP"
    except OSError:
        return False


def user_definition(name, password):
    salt = secrets.token_bytes(4)
    digest = hashlib.sha256(salt + password.encode()).digest()
    return {
        "name": name,
        "password_hash": base64.b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": ["administrator"] if name == ADMINISTRATOR else [],
        "limits": {},
    }
