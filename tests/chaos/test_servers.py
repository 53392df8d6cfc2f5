"""The faults do what they say, and heal: a fault that does nothing would prove nothing."""

import amqp
import psycopg
import pytest

VHOST = "stack0"


@pytest.fixture
def answers(servers):
    """`answers()`: whether the broker lets us in and takes a message within two seconds."""
    broker = servers.rabbitmq

    def ask():
        connection = amqp.Connection(
            f"127.0.0.1:{broker.port}", "admin", broker.passwords["admin"], virtual_host=VHOST, connect_timeout=2, read_timeout=2
        )
        try:
            connection.connect()
            channel = connection.channel()
            channel.confirm_select()
            for _ in range(2):  # An alarm stops a connection only after its first message.
                channel.basic_publish_confirm(amqp.Message(b""), exchange="", routing_key="nobody", confirm_timeout=2)
        except (OSError, amqp.AMQPError):
            return False
        finally:
            connection.collect()  # Without a word: a broker in alarm would not answer it.
        return True

    return ask


class TestFaultsOfTheBroker:
    def test_kill(self, servers, answers):
        with servers.killed("rabbitmq"):
            assert not answers()
        assert answers()

    def test_freeze(self, servers, answers):
        with servers.frozen("rabbitmq"):
            assert not answers()
        assert answers()

    @pytest.mark.parametrize("kind", ["disk", "memory"])
    def test_alarm(self, servers, answers, kind):
        with servers.alarm(kind):
            assert not answers()
        assert answers()

    def test_lock_out(self, servers, answers):
        with servers.locked_out("admin"):
            assert not answers()
        assert answers()

    def test_loss_of_a_vhost(self, servers, answers):
        with servers.without_vhost(VHOST):
            assert not answers()
        assert answers()


class TestFaultsOfTheDatabase:
    def test_kill_and_freeze(self, servers, empty_database):
        url = f"{empty_database('accounts')}?connect_timeout=2"

        for fault in (servers.killed, servers.frozen):
            with fault("postgresql"), pytest.raises(psycopg.OperationalError):
                psycopg.connect(url)
            psycopg.connect(url).close()

    def test_end_of_sessions(self, servers, empty_database):
        url = empty_database("accounts")
        with psycopg.connect(url) as connection:
            assert servers.terminate_sessions(url) == 1

            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
