"""The service as its own process, on a real broker, database and mail server; the test plays the other services."""

import json
import threading
import time
from collections import Counter
from urllib.parse import urlsplit
from uuid import uuid4

import amqp
import psycopg
import pytest
from kombu import Connection

from chassis import topology
from chassis.wire import CONTENT_TYPE, dump_result, load_request, reply_result
from contracts import catalogue, organizations
from contracts.vocabulary import StructureKind
from services.notifications import domain
from tests.notifications.builders import Others
from tests.notifications.mail_server import Inbox, mail_server

PLAYED = ("accounts", "organizations", "invitations", "sync", "gateway", "mailbox")
PATIENCE = 30.0
KILLS = 10


def until(is_true, explain=lambda: ""):
    limit = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < limit, f"not in time. {explain()}"
        time.sleep(0.05)


class Player:
    """Announces one service's facts, and answers its calls as `Others` says."""

    def __init__(self, service, url, others):
        self.service, self.others = service, others
        self.connection = Connection(url)
        self.stopping = threading.Event()
        self.channel = self.connection.channel()
        topology.events_exchange(service)(self.channel).declare()
        topology.calls_queue(service)(self.channel).declare()
        self.channel.basic_consume(f"{service}.calls", callback=self.answer)
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while not self.stopping.is_set():
            try:
                with self.lock:
                    self.connection.drain_events(timeout=0.05)
            except TimeoutError:
                time.sleep(0.01)

    def answer(self, message):
        method = catalogue.methods()[message.delivery_info["routing_key"]]
        request = load_request(method, json.loads(message.body))
        reply = amqp.Message(
            reply_result(dump_result(method, self.others(method, **request))),
            content_type=CONTENT_TYPE,
            correlation_id=message.properties["correlation_id"],
        )
        self.channel.basic_publish(reply, "replies", message.properties["reply_to"])
        self.channel.basic_ack(message.delivery_tag)

    def announce(self, event, message_id=None, **facts):
        properties = {"content_type": CONTENT_TYPE, "delivery_mode": 2, "type": event.name}
        message = amqp.Message(json.dumps(event.carries().dump(facts)), message_id=message_id or str(uuid4()), **properties)
        with self.lock:
            self.channel.basic_publish(message, f"{self.service}.events", event.fact, mandatory=True)

    def stop(self):
        self.stopping.set()
        self.thread.join(5)
        self.connection.release()


class World:
    """The running service, the mail server behind it, and the services around it."""

    def __init__(self, stack, inbox, players):
        self.stack, self.inbox, self.players = stack, inbox, players
        self.database_url = stack.env["NOTIFICATIONS_DATABASE_URL"]

    def mails(self):
        with psycopg.connect(self.database_url) as connection:
            return connection.execute("SELECT state, attempt_count FROM mails ORDER BY queued_at").fetchall()

    def request_magic_link(self, message_id=None):
        ids = {"organization_id": uuid4(), "magic_link_id": uuid4(), "issue": 1}
        named = {"structure_name": "Les Jardins d'Aurore", "siret": "12345678900012", "kind": StructureKind.ACI}
        self.players["organizations"].announce(organizations.MagicLinkRequested, message_id, **ids, **named)

    def explain(self):
        return self.stack.log("notifications")[-3000:]


@pytest.fixture
def world(servers):
    inbox, others = Inbox(), Others()
    with servers.new_stack(without=PLAYED) as stack, mail_server(inbox, port=urlsplit(stack.env["SMTP_URL"]).port):
        players = {name: Player(name, stack.env[f"{name.upper()}_AMQP_URL"], others) for name in ("organizations", "accounts")}
        yield World(stack, inbox, players)
        for player in players.values():
            player.stop()


class TestProcess:
    def test_mails_within_a_second_of_the_event(self, world):
        world.request_magic_link()
        began = time.monotonic()
        until(lambda: world.inbox.envelopes, world.explain)
        print(f"first mail after {time.monotonic() - began:.2f} s")
        assert time.monotonic() - began < 3
        assert world.inbox.envelopes[0].rcpt_tos == ["contact@jardins.example"]
        until(lambda: world.mails() == [("sent", 1)], world.explain)

    def test_mails_once_for_a_message_that_comes_twice(self, world):
        message_id = str(uuid4())
        world.request_magic_link(message_id)
        world.request_magic_link(message_id)
        world.request_magic_link()
        until(lambda: world.mails() == [("sent", 1)] * 2, world.explain)
        time.sleep(1.5)
        assert len(world.inbox.envelopes) == 2

    def test_keeps_secrets_out_of_its_log_and_its_database(self, world):
        world.request_magic_link()
        until(lambda: world.mails() == [("sent", 1)], world.explain)
        with psycopg.connect(world.database_url) as connection:
            rows = str(connection.execute("SELECT * FROM mails").fetchall())
        for kept in (rows, world.stack.log("notifications")):
            assert "jeton-fictif" not in kept
            assert "contact@jardins.example" not in kept

    def test_ends_in_time_and_finishes_what_is_in_hand(self, world):
        world.inbox.seconds = 1.0
        world.request_magic_link()
        until(lambda: [state for state, _ in world.mails()] == ["sending"], world.explain)
        seconds = world.stack.terminate("notifications")
        assert world.mails() == [("sent", 1)]
        assert seconds < 20

    def test_repeats_a_mail_at_most_once_for_each_kill_before_its_commit(self, world):
        for kills in range(1, KILLS + 1):
            world.inbox.before_answer = lambda: world.stack.kill("notifications")
            world.request_magic_link()
            until(lambda: not world.stack.is_alive("notifications"), world.explain)
            world.inbox.before_answer = lambda: None
            assert world.mails()[-1] == ("sending", 1)

            world.stack.set_clock_offset(kills * (domain.LEASE.total_seconds() + 5))  # Its lease is over.
            world.stack.start("notifications")
            until(lambda count=kills: world.mails() == [("sent", 2)] * count, world.explain)

        seen = Counter(message_id(envelope) for envelope in world.inbox.envelopes)
        assert list(seen.values()) == [2] * KILLS


def message_id(envelope):
    return next(line for line in envelope.original_content.split(b"\r\n") if line.startswith(b"Message-ID:"))
