"""A private PostgreSQL: its own data, its own port, its own superuser."""

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path

import psycopg

from operations.local import processes
from operations.local.server import DidNotStart, Server, is_root

SUPERUSER = "postgres"

# Every user reaches this folder, and a restart of the machine keeps it.
ELSEWHERE = Path("/var/tmp")  # noqa: S108 - only a folder of our own, that the server's user alone may enter, lies there

DURABLE = {"max_connections": 150}

# For tests only: a power cut would lose the data, and nobody would miss them.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": 200,
    "autovacuum_naptime": "1h",
}


class PostgreSQL(Server):
    name = "postgresql"
    stop_signal = signal.SIGINT  # "Fast": disconnects clients, then shuts down cleanly.

    def __init__(self, directory, ledger, ports, password, settings=DURABLE):
        super().__init__(directory, ledger, ports)
        self.password = password
        self.settings = settings
        self.data = reachable_by_server(self.directory / "postgresql")

    def url(self, database="postgres"):
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def prepare(self):
        check_place(self.data)
        if not (self.data / "PG_VERSION").exists():
            shutil.rmtree(self.data, ignore_errors=True)  # What an interrupted initdb left.
            self.initialize()
        forget_stale_lock(self.data / "postmaster.pid")

    def initialize(self):
        make_directory(self.data)
        with tempfile.NamedTemporaryFile("w", dir=self.data.parent, prefix="password-") as file:
            file.write(self.password)
            file.flush()
            if is_root():
                os.chown(file.name, *server_identity())
            options = ["--auth=scram-sha-256", f"--pwfile={file.name}", f"--username={SUPERUSER}", "--no-sync"]
            subprocess.run(
                [program("initdb"), "-D", self.data, "--encoding=UTF8", "--locale=C.UTF-8", *options],
                check=True,
                capture_output=True,
                **as_server(),
            )

    def command(self):
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",  # A socket's path is limited to 107 bytes; a clone's path is not.
            "timezone": "UTC",
            "log_timezone": "UTC",
            **self.settings,
        }
        flags = [flag for key, value in settings.items() for flag in ("-c", f"{key}={value}")]
        return [program("postgres"), "-D", str(self.data), *flags], as_server()

    def is_ready(self):
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def program(name):
    """Return the path of a program of the newest PostgreSQL on this machine."""
    versions = sorted(Path("/usr/lib/postgresql").glob("[0-9]*"), key=lambda path: int(path.name))
    return str(versions[-1] / "bin" / name) if versions else shutil.which(name) or name


def server_identity():
    """Return the user and group ids that run the server: PostgreSQL refuses to run as root."""
    if not is_root():
        return os.geteuid(), os.getegid()
    account = pwd.getpwnam("postgres")
    return account.pw_uid, account.pw_gid


def as_server():
    """Return the arguments of Popen that run a program as the server's user."""
    if not is_root():
        return {}
    user, group = server_identity()
    return {"user": user, "group": group, "extra_groups": [], "cwd": "/"}


def check_place(data):
    """Refuse to follow a link, or what another account put where everybody may write: we act with root's rights there."""
    if data.parent.parent == ELSEWHERE and is_there(data.parent):
        known = data.parent.lstat()
        if not stat.S_ISDIR(known.st_mode) or known.st_uid != os.geteuid() or known.st_mode & 0o022:
            raise DidNotStart(
                f"{data.parent} n'est pas un dossier à nous seuls : un autre compte l'a mis là, ou peut y écrire.\n"
                "Regardez ce que c'est, supprimez-le, puis recommencez."
            )
    if data.is_symlink():
        raise DidNotStart(f"{data} est un lien symbolique : les données de PostgreSQL doivent être dans un vrai dossier.")


def is_there(path):
    """Say whether something bears this name, a link to nowhere included."""
    return path.exists() or path.is_symlink()


def make_directory(path):
    if path.parent.parent == ELSEWHERE and not path.parent.exists():
        path.parent.mkdir(mode=0o700)  # Nobody's before us, or this fails.
        path.parent.chmod(0o711)  # The server's user passes through, whatever our umask.
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    if is_root():
        os.chown(path, *server_identity())


def reachable_by_server(wanted):
    """Return a place for the data that the server's user can reach: this one, or else one under /var/tmp."""
    if not is_root() or can_reach(wanted.parent):
        return wanted
    digest = hashlib.sha256(str(wanted.resolve()).encode()).hexdigest()[:12]
    return ELSEWHERE / f"emplois-{digest}" / "postgresql"


def forget(directory):
    """Delete the data of a server that had this directory, wherever they are."""
    data = reachable_by_server(directory.resolve() / "postgresql")
    shutil.rmtree(data if data.is_relative_to(directory.resolve()) else data.parent, ignore_errors=True)


def can_reach(directory):
    """Say whether the server's user may walk down to this directory."""
    existing = next(path for path in [directory, *directory.parents] if path.exists())
    probe = ["/bin/sh", "-c", 'cd "$0"', str(existing)]
    return subprocess.run(probe, capture_output=True, check=False, **as_server()).returncode == 0


def forget_stale_lock(path):
    """Remove the lock of a killed server when its pid is a zombie or another program: PostgreSQL would not dare to."""
    try:
        pid = int(path.read_text().splitlines()[0])
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except (OSError, ValueError, IndexError):
        return
    if name != "postgres" or processes.start_time(pid) is None:
        path.unlink(missing_ok=True)
