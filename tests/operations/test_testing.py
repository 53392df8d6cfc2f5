"""The servers that every other test stands on."""

import amqp
import psycopg
import pytest

from contracts.vocabulary import SERVICES
from operations.local import testing


def connect(url):
    user, _, rest = url.removeprefix("amqp://").partition(":")
    password, _, rest = rest.partition("@")
    host, _, vhost = rest.partition("/")
    connection = amqp.Connection(host, user, password, virtual_host=vhost)
    connection.connect()
    return connection


class TestDatabases:
    def test_belong_to_the_role_of_their_service(self, empty_database):
        url = empty_database("accounts")

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION cube")
            connection.execute("CREATE TABLE kept (id int)")

            assert connection.execute("SELECT current_user").fetchone() == ("accounts",)

    def test_are_closed_to_other_services(self, empty_database, servers):
        url = empty_database("accounts")
        database = url.rpartition("/")[2]

        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            psycopg.connect(servers.database_url("sync", database))


class TestBroker:
    def test_lets_each_participant_use_its_vhost(self, broker_url):
        with connect(broker_url("accounts")) as connection:
            channel = connection.channel()

            channel.exchange_declare("accounts.events", "topic", durable=True, auto_delete=False)

    def test_refuses_what_a_participant_may_not_declare(self, broker_url):
        with connect(broker_url("gateway")) as connection:
            with pytest.raises(amqp.AccessRefused):
                connection.channel().queue_declare("accounts.calls", durable=True)

    def test_lets_the_administrator_do_everything(self, broker_admin_url):
        with connect(broker_admin_url()) as connection:
            channel = connection.channel()

            channel.queue_declare("anything", auto_delete=True)
            channel.queue_delete("anything")


def test_every_worker_has_a_vhost_of_its_own(monkeypatch):
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "16")

    assert "test15" in testing.worker_vhosts()


class TestStack:
    """The stand for tests of the whole system, here with one process only."""

    def test_starts_kills_and_restarts_by_name(self, servers):
        with servers.new_stack(without=("gateway", *SERVICES)) as stack:
            assert stack.mailbox.messages() == []

            stack.kill("mailbox")
            assert not stack.is_alive("mailbox")

            stack.start("mailbox")
            assert stack.mailbox.messages() == []

        assert stack.ledger.living() == []
        assert "CLOCK_OFFSET_FILE" in stack.env
