"""Events against a real broker and a real database: announced with the change, published once confirmed, handled once."""

import json
import threading
from uuid import uuid4

import amqp
import pytest
import sqlalchemy as sa

from chassis import topology, wire
from chassis.bus import connect
from chassis.testing import subjects
from chassis.testing.database import Bench
from contracts import accounts, notifications
from tests.chassis import probes
from tests.chassis.conftest import wait_for


@pytest.fixture
def sender(make_probe):
    """A service that announces; its process, with its relay, starts when a test says so."""
    return make_probe("accounts")


@pytest.fixture
def hearer(make_probe):
    return make_probe("notifications")


@pytest.fixture
def announcing(sender, tmp_path):
    bench = Bench(sender.database_url, "accounts", tmp_path / "clock")
    yield bench
    bench.close()


def announce_one(bench, issue=probes.FINE, cause=None):
    cause = cause or uuid4()
    bench.act(probes.announce_confirmation, subjects.VISITOR, account_id=uuid4(), confirmation_id=cause, issue=issue)
    return cause


def unpublished(bench):
    return bench.rows("SELECT count(*) FROM outbox WHERE published_at IS NULL")[0][0]


class TestAnnounce:
    """M-01, M-02: a fact exists exactly when the change it announces does."""

    def test_rolled_back_leaves_neither_row_nor_message(self, sender, hearer, announcing):
        hearer.start()
        sender.start()

        def change_and_fail(session, subject):
            probes.announce_confirmation(session, subject, account_id=uuid4(), confirmation_id=uuid4(), issue=probes.FINE)
            raise ValueError

        with pytest.raises(ValueError):
            announcing.act(change_and_fail, subjects.VISITOR)

        assert announcing.announced() == []
        after = announce_one(announcing)
        wait_for(lambda: hearer.effects(after))
        assert hearer.rows("SELECT count(*) FROM effects") == [(1,)]

    def test_committed_is_published_once_then_marked_and_has_one_effect(self, sender, hearer, announcing, servers):
        cause = announce_one(announcing)
        assert unpublished(announcing) == 1  # The relay does not run yet: nothing marks it.

        hearer.start()
        with connect(servers.broker_url("admin", sender.vhost)) as connection:
            channel = spy_on(connection, "accounts.events")
            sender.start()

            wait_for(lambda: hearer.effects(cause))
            wait_for(lambda: unpublished(announcing) == 0)
            assert channel.queue_declare("spy", passive=True).message_count == 1
        assert hearer.effects(cause) == 1

    def test_is_not_marked_while_the_broker_does_not_confirm(self, sender, hearer, announcing, servers):
        """M-02: marked only after the broker's word. Here it refuses: the queue is full and rejects what is published."""
        cause = announce_one(announcing)
        with connect(servers.broker_url("admin", sender.vhost)) as connection:
            declare_full_queue(connection)
        sender.start()
        wait_for(lambda: "events_not_taken" in sender.log.read_text(), explain=lambda: sender.log.read_text())

        assert unpublished(announcing) == 1
        with connect(servers.broker_url("admin", sender.vhost)) as connection:
            connection.channel().queue_delete("notifications.email_confirmation_link")
        hearer.start()
        wait_for(lambda: hearer.effects(cause), 30)


def spy_on(connection, exchange):
    """A queue beside the listeners' that keeps whatever is published, as long as the connection."""
    channel = connection.channel()
    channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
    channel.queue_declare("spy", exclusive=True)
    channel.queue_bind("spy", exchange, "#")
    return channel


def declare_full_queue(connection):
    channel = connection.channel()
    arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
    channel.queue_declare("notifications.email_confirmation_link", durable=True, auto_delete=False, arguments=arguments)
    channel.basic_publish(amqp.Message(b"{}"), exchange="", routing_key="notifications.email_confirmation_link")


class TestUnroutableEvents:
    """M-07: an event whose listener's queue does not stand is kept, counted, and delivered once it does."""

    def test_wait_in_the_outbox_until_the_listener_has_come(self, sender, hearer, announcing):
        cause = announce_one(announcing)
        sender.start()
        wait_for(lambda: b"\nevents_held_back 2.0" in sender.get("/metrics")[1])
        wait_for(lambda: b"\noutbox_unpublished 1.0" in sender.get("/metrics")[1])
        assert unpublished(announcing) == 1

        hearer.start()

        wait_for(lambda: hearer.effects(cause), 20)
        wait_for(lambda: unpublished(announcing) == 0)

    def test_survive_that_the_queue_is_deleted_while_all_run(self, sender, hearer, announcing, servers):
        hearer.start()
        sender.start()
        wait_for(lambda: hearer.effects(announce_one(announcing)) or hearer.rows("SELECT 1 FROM effects"))
        with connect(servers.broker_url("admin", sender.vhost)) as connection:
            connection.channel().queue_delete("notifications.email_confirmation_link")

        cause = announce_one(announcing)

        wait_for(lambda: hearer.effects(cause), 30)

    def test_control_without_mandatory_a_confirm_hides_the_loss(self, servers):
        """The control: RabbitMQ confirms a message that no queue takes."""
        with servers.leased_vhost() as vhost, connect(servers.broker_url("admin", vhost)) as connection:
            channel = connection.channel()
            topology.events_exchange("accounts")(channel).declare()
            confirmed = []
            channel.confirm_select()
            channel.events["basic_ack"].add(lambda tag, multiple: confirmed.append(tag))
            channel.basic_publish(amqp.Message(b"{}"), exchange="accounts.events", routing_key="nobody_hears")
            connection.drain_events(timeout=5)

            assert confirmed == [1]


class TestHandle:
    """C-01: the same message delivered three times at once has one effect."""

    def test_has_one_effect_however_often_a_message_comes(self, hearer, servers):
        hearer.start()
        causes = [uuid4() for _ in range(200)]
        with connect(servers.broker_url("admin", hearer.vhost)) as connection:
            channel = connection.channel()
            for cause in causes:
                for _ in range(3):
                    publish_event(channel, str(cause), cause)

        wait_for(lambda: hearer.rows("SELECT count(DISTINCT cause) FROM effects") == [(200,)], 60)
        wait_for(lambda: queue_is_empty(servers, hearer))
        assert hearer.rows("SELECT count(*) FROM effects") == [(200,)]
        assert hearer.rows("SELECT count(*) FROM inbox") == [(200,)]

    def test_control_without_an_inbox_it_has_several(self, hearer):
        """The control: check-then-act, three at once behind a barrier, lets more than one through."""
        doubled = sum(naive_effects(hearer, f"naive-{turn}") > 1 for turn in range(20))

        assert doubled > 0

    def test_retries_what_may_heal(self, hearer, servers):
        hearer.start()
        cause = uuid4()
        with connect(servers.broker_url("admin", hearer.vhost)) as connection:
            publish_event(connection.channel(), str(cause), cause, probes.HEALS)

        wait_for(lambda: hearer.effects(cause), 30)

        assert hearer.effects(cause) == 1
        wait_for(lambda: hearer.rows("SELECT count(*) FROM parked") == [(0,)])

    def test_sets_aside_what_another_service_s_database_prevents(self, hearer, servers):
        """Only one's own database is waited for in place; those behind are handled."""
        hearer.start()
        held, behind = uuid4(), uuid4()
        with connect(servers.broker_url("admin", hearer.vhost)) as connection:
            for _ in range(8):
                publish_event(connection.channel(), str(uuid4()), held, probes.OTHERS_DOWN)
            publish_event(connection.channel(), str(behind), behind)

        wait_for(lambda: hearer.effects(behind))
        assert {row.state for row in hearer.rows("SELECT state FROM parked")} == {"waiting"}

    def test_forgets_what_was_replayed_with_success(self, hearer, servers, make_caller):
        hearer.start()
        cause, facts = uuid4(), {"account_id": str(uuid4()), "issue": probes.FINE}
        body = json.dumps(facts | {"confirmation_id": str(cause)}).encode()
        hearer.rows(PARK, id=uuid4(), message_id=str(cause), event=REQUESTED, body=body)

        answer = make_caller("operator", hearer.vhost).call(notifications.replay_parked, {"parked_id": None})

        assert answer == {"replayed_count": 1}
        wait_for(lambda: hearer.effects(cause))
        wait_for(lambda: hearer.rows("SELECT count(*) FROM parked") == [(0,)])

    def test_leaves_to_the_operator_what_has_no_handler_any_more(self, hearer):
        hearer.rows(PARK.replace("email_confirmation_link", "gone").replace("dead", "waiting"), **dead_message())

        hearer.start()

        wait_for(lambda: hearer.rows("SELECT reason FROM parked WHERE state = 'dead'"))

    def test_sets_what_is_refused_for_good_aside_at_once(self, hearer, servers, make_caller):
        hearer.start()
        cause = uuid4()
        with connect(servers.broker_url("admin", hearer.vhost)) as connection:
            publish_event(connection.channel(), str(cause), cause, probes.PERMANENT)
        wait_for(lambda: hearer.rows("SELECT state, attempt_count FROM parked") == [("dead", 1)])

        desk = make_caller("operator", hearer.vhost).call(notifications.list_parked, {"limit": 10})

        assert [item["state"] for item in desk["items"]] == ["dead"]
        assert hearer.effects(cause) == 0


class TestUnreadableEvents:
    """C-09: each is set aside at its first delivery with its reason, and those behind it are handled."""

    @pytest.mark.parametrize(
        ("body", "properties", "reason"),
        [
            (b"{not json", {}, "not JSON"),
            (b"\xff\xfe\x00", {}, "not JSON"),
            (b"[]", {}, "not a JSON object"),
            (b"{}", {"content_type": "application/x-python-serialize"}, "content type"),
            (b"{}", {}, "not the fields"),
            (b'{"account_id": 3, "confirmation_id": [], "issue": "x"}', {}, "not the fields"),
            (b"{}", {"message_id": None}, "no message_id"),
            (b"{", {"application_headers": {"request_id": "a\x00b", "x\x00": 3}}, "not JSON"),
            (b'"' + b"x" * (17 * 1024 * 1024) + b'"', {}, "body of"),
        ],
        ids=["cut", "bytes", "list", "pickle", "empty", "types", "anonymous", "NUL", "17 MiB"],
    )
    def test_are_set_aside_and_stop_nothing(self, hearer, servers, body, properties, reason):
        hearer.start()
        behind = uuid4()
        with connect(servers.broker_url("admin", hearer.vhost)) as connection:
            channel = connection.channel()
            publish_body(channel, body, {"message_id": "bad", **properties})
            publish_event(channel, str(behind), behind)

        wait_for(lambda: hearer.effects(behind), 30, hearer.log.read_text)
        wait_for(lambda: hearer.rows("SELECT 1 FROM parked"), 30, hearer.log.read_text)

        rows = hearer.rows("SELECT state, attempt_count, reason FROM parked")
        assert [(state, attempts) for state, attempts, _ in rows] == [("dead", 1)]
        assert reason in rows[0].reason
        counted = b'messages_unreadable_total{queue="notifications.email_confirmation_link"} 1.0'
        assert counted in hearer.get("/metrics")[1]


REQUESTED = accounts.EmailConfirmationRequested.name
PARK = """INSERT INTO parked (parked_id, handler, message_id, event, headers, content_type, body, state, reason, attempt_count,
    first_seen_at, next_attempt_at) VALUES (:id, 'notifications.email_confirmation_link', :message_id, :event, '{}',
    'application/json', :body, 'dead', 'because', 1, now(), now())"""


def dead_message():
    return {"id": uuid4(), "message_id": str(uuid4()), "event": REQUESTED, "body": b"{}"}


def publish_event(channel, message_id, cause, issue=probes.FINE):
    body = {"account_id": str(uuid4()), "confirmation_id": str(cause), "issue": issue}
    publish_body(channel, json.dumps(body).encode(), {"message_id": message_id})


def publish_body(channel, body, properties):
    properties = {"content_type": wire.CONTENT_TYPE, "type": accounts.EmailConfirmationRequested.name, **properties}
    message = amqp.Message(body, **{key: value for key, value in properties.items() if value is not None})
    # Awaited: of what nobody awaits the broker's word for, a quorum queue loses some when the connection closes.
    channel.basic_publish_confirm(message, exchange="", routing_key="notifications.email_confirmation_link")


def queue_is_empty(servers, hearer):
    with connect(servers.broker_url("admin", hearer.vhost)) as connection:
        return connection.channel().queue_declare("notifications.email_confirmation_link", passive=True).message_count == 0


def naive_effects(probe, cause):
    """Three threads that look first and write then."""
    barrier = threading.Barrier(3)

    def handle():
        with probe.engine.begin() as connection:
            seen = connection.scalar(sa.text("SELECT count(*) FROM effects WHERE cause = :cause"), {"cause": cause})
            barrier.wait()
            if not seen:
                connection.execute(sa.text("INSERT INTO effects (name, cause) VALUES ('naive', :cause)"), {"cause": cause})

    threads = [threading.Thread(target=handle) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return probe.effects(cause)
