"""N-13: the disk of the database is full: changes are refused as to be tried again, nothing is half written."""

import contextlib
import os
import subprocess

import psycopg
import pytest

from contracts import accounts
from contracts.errors import Unavailable
from operations.local import postgresql, provision
from tests.chaos.servers import SURVIVES_A_KILL
from tests.chaos.system import WHO, some_address
from tests.chassis.conftest import wait_for

SIZE = "128m"
PIECE = bytes(1024 * 1024)
MOST_CALLS = 1000  # Rows go into pages that are there already, until one more page is needed.


class SmallPostgreSQL(postgresql.PostgreSQL):
    """One more server in the same ledger."""

    name = "postgresql on a small disk"


@contextlib.contextmanager
def small_disk(directory):
    """A disk in memory; skips where there can be none."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=711", "tmpfs", directory]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("the kernel lets nobody mount a disk here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


@pytest.fixture
def server(servers):
    """A PostgreSQL on a small disk, with a database for accounts."""
    with small_disk(servers.directory / "small") as directory:
        password = servers.secrets["POSTGRESQL_PASSWORD"]
        server = SmallPostgreSQL(directory, servers.ledger, servers.ports, password, SURVIVES_A_KILL)
        server.start()
        with psycopg.connect(server.url(), autocommit=True) as connection:
            provision.make_role(connection, "accounts", servers.secrets["ACCOUNTS_DATABASE_PASSWORD"])
            provision.make_database(connection, "accounts", "accounts")
        yield server
        server.stop()


class TestAFullDisk:
    def test_refuses_changes_until_there_is_room(self, servers, server, make_probe, make_caller):
        probe = make_probe("accounts", database_url=provision.private_url(server, "accounts", servers.secrets))
        probe.start()
        caller = make_caller("operator", probe.vhost)
        answered = [answer_to(caller)[0]]

        ballast = fill(server.directory / "ballast")
        refused = answer_to(caller)
        while refused[1]:
            answered.append(refused[0])
            assert len(answered) < MOST_CALLS
            refused = answer_to(caller)
        assert probe.get("/livez")[0] == 200
        ballast.unlink()

        if not server.is_alive():
            server.start(tries=1)
        wait_for(lambda: answer_to(caller)[1], 30)
        made = dict(probe.rows("SELECT cause, count(*) FROM effects GROUP BY cause"))
        assert [email for email in answered if made.get(email) != 1] == []
        assert refused[0] not in made
        assert probe.process.poll() is None
        print(f"refused after {len(answered)} calls; the server {'lived' if server.is_alive() else 'died'}")


def answer_to(caller):
    """(address, whether it was answered); any other refusal than « try again » fails."""
    email = some_address()
    try:
        return email, caller.call(accounts.create_staff, {"email": email, "first_name": "Ada", **WHO})
    except Unavailable:
        return email, None


def fill(path):
    """Take all the room that is left."""
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(PIECE):
            pass
    return path
