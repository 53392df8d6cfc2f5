"""Calls against a real broker and a real process: answered once, or never executed late."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import amqp
import pytest

from chassis import topology, wire
from chassis.bus import connect
from chassis.call import Calling, CallIsNotDeclared
from chassis.context import Context
from chassis.db import Work
from chassis.serve import CallerIsNotDeclared
from chassis.subject import SubjectIsNotValid, read_private_key, service_subject, sign_subject
from chassis.testing import subjects
from chassis.testing.database import Bench
from chassis.wire import BusIsDown, CallFailed, CallTimedOut
from contracts import accounts
from contracts.errors import DeadlineHasPassed, Invalid, KeyReusedForAnotherRequest
from tests.chassis import probes
from tests.chassis.conftest import wait_for

STAFF = {"email": "ada@emplois.example", "first_name": "Ada", "last_name": "Dupont", "password": "un long mot de passe"}


@pytest.fixture
def probe(make_probe):
    return make_probe("accounts").start()


@pytest.fixture
def caller(probe, make_caller):
    return make_caller("operator", probe.vhost)


class TestCall:
    def test_is_answered_and_has_its_effect(self, probe, caller):
        result = caller.call(accounts.create_staff, STAFF)

        assert str(result["account_id"]) == "0192a3b4-0000-7000-8000-000000000000"
        assert probe.effects(STAFF["email"]) == 1

    def test_names_each_wrong_field_in_french(self, caller):
        with pytest.raises(Invalid) as refusal:
            caller.call(accounts.create_staff, {**STAFF, "first_name": "http://spam.example"})

        assert refusal.value.facts["errors"] == [
            {"pointer": "/first_name", "detail": "Un nom ne contient ni lien, ni adresse, ni balise."}
        ]

    def test_repeated_with_its_key_has_one_effect_and_the_first_answer(self, probe, caller):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: caller.call(accounts.create_staff, STAFF, key="k1"), range(16)))

        assert len({str(answer) for answer in answers}) == 1
        assert probe.effects(STAFF["email"]) == 1

    def test_refuses_a_key_used_for_another_request(self, caller):
        caller.call(accounts.create_staff, STAFF, key="k1")

        with pytest.raises(KeyReusedForAnotherRequest):
            caller.call(accounts.create_staff, {**STAFF, "last_name": "Durand"}, key="k1")

    def test_that_breaks_says_nothing_of_why_and_logs_no_text(self, probe, caller):
        with pytest.raises(CallFailed):
            caller.call(accounts.create_staff, {**STAFF, "first_name": "Broken"})

        assert "call_failed" in probe.log.read_text()
        assert "secret text" not in probe.log.read_text()
        assert STAFF["email"] not in probe.log.read_text()

    def test_of_an_undeclared_caller_is_stopped_by_the_broker(self, probe, make_caller):
        with pytest.raises(BusIsDown):  # Its user may not write with that routing key.
            make_caller("invitations", probe.vhost).call(accounts.create_staff, STAFF)

    def test_of_an_undeclared_caller_is_refused_by_the_service_too(self, probe, servers, make_caller):
        caller = make_caller("operator", probe.vhost, url=servers.broker_url("admin", probe.vhost))

        with pytest.raises(CallerIsNotDeclared):
            caller.call(accounts.create_staff, STAFF)

    def test_with_a_forged_subject_is_refused(self, probe, caller, make_caller):
        caller.sign = lambda subject, deadline: make_caller("sync", probe.vhost).sign(service_subject("operator"), deadline)

        with pytest.raises(SubjectIsNotValid):
            caller.call(accounts.create_staff, STAFF)


class TestAnAbsentCallee:
    """R-01: the caller is told in time, and what it asked is not executed later."""

    def test_is_reported_within_the_deadline_and_executes_nothing_later(self, probe, make_caller):
        caller = make_caller("operator", probe.vhost)
        probe.stop()
        started = time.monotonic()

        with pytest.raises(CallTimedOut):
            caller.call(accounts.create_staff, STAFF)

        assert time.monotonic() - started < 15  # Three times the bar of 5 s.
        probe.start()
        caller.call(accounts.create_staff, {**STAFF, "email": "later@emplois.example"})
        assert probe.effects("later@emplois.example") == 1
        assert probe.effects(STAFF["email"]) == 0

    def test_that_never_declared_its_queue_is_reported_at_once(self, servers, make_caller):
        with servers.leased_vhost() as vhost, pytest.raises(BusIsDown):
            make_caller("operator", vhost).call(accounts.create_staff, STAFF)

    def test_is_not_executed_past_its_deadline_even_where_the_broker_kept_it(self, probe, servers):
        probe.stop()
        publish_signed(servers, probe.vhost, seconds_left=-1)

        probe.start()

        wait_for(lambda: b'calls_expired_total{method="accounts.create_staff"} 1.0' in probe.get("/metrics")[1])
        assert probe.effects(STAFF["email"]) == 0

    def test_control_without_expiry_and_with_a_far_deadline_it_is_executed_later(self, probe, servers):
        """The control: the same message, that neither the broker nor the service has a reason to drop."""
        probe.stop()
        publish_signed(servers, probe.vhost, seconds_left=60)

        probe.start()

        wait_for(lambda: probe.effects(STAFF["email"]) == 1)


class TestADeadlineThatPassesMeanwhile:
    """What outlasts its deadline commits nothing: nobody waits for it any more."""

    @pytest.mark.parametrize(("seconds", "effects"), [(0.2, 0), (5, 1)], ids=["passed", "control"])
    def test_leaves_nothing(self, probe, seconds, effects):
        bench = Bench(probe.database_url, "accounts", probe.seen)
        context = Context(subjects.service("operator"), "r1", "cause", deadline=time.time() + seconds)

        def slow(session, subject, *, now):
            probes.write_effect(session, subject, name="slow", cause="slow", now=now)
            time.sleep(0.4)

        with contextlib.suppress(DeadlineHasPassed):
            Work(bench.store, context).change(slow)

        assert probe.effects("slow") == effects
        bench.close()


class TestACallThatNoContractNames:
    def test_is_not_made(self, caller):
        context = Context(subjects.service("operator"), "r1", "cause", method=accounts.get_contacts)

        with pytest.raises(CallIsNotDeclared):
            Calling(caller, context)(accounts.create_staff, **STAFF)


class TestAnotherParticipant:
    """Replies hold session tokens, dead letters whole messages: the broker gives them to nobody else."""

    @pytest.mark.parametrize(
        ("user", "exchange", "key"),
        [
            ("organizations", wire.REPLIES, f"gateway.replies.{'0' * 32}"),
            ("organizations", wire.REPLIES, "#"),
            ("organizations", "notifications.dead-letters", ""),
            ("organizations", "accounts.events", "#"),
            ("organizations", wire.CALLS, "accounts.log_in"),
        ],
    )
    def test_may_not_listen(self, servers, probe, make_probe, user, exchange, key):
        make_probe("notifications").start()  # Its exchanges stand too.
        with connect(servers.broker_url(user, probe.vhost)) as connection:
            channel = connection.channel()
            channel.queue_declare(f"{user}.calls", durable=True, auto_delete=False)

            with pytest.raises(amqp.AccessRefused):
                channel.queue_bind(f"{user}.calls", exchange, key)

    def test_may_not_speak_as_dead_letters(self, servers, probe, make_probe):
        make_probe("notifications").start()
        with connect(servers.broker_url("organizations", probe.vhost)) as connection:
            channel = connection.channel()
            channel.confirm_select()
            with pytest.raises(amqp.AccessRefused):
                channel.basic_publish(amqp.Message(b"{}"), exchange="notifications.dead-letters", routing_key="")
                connection.drain_events(timeout=5)

    def test_control_may_listen_to_its_own(self, servers, probe):
        with connect(servers.broker_url("organizations", probe.vhost)) as connection:
            channel = connection.channel()
            queue = topology.reply_queue("organizations", "0" * 32)(channel)
            queue.declare()


class TestAKilledCallee:
    """R-02: killed after its commit and before its answer, it has one effect when the call comes again."""

    def test_has_one_effect(self, probe, caller):
        kill = {**STAFF, "first_name": "Killer"}
        with pytest.raises((CallTimedOut, BusIsDown)):
            caller.call(accounts.create_staff, kill, key="k1")
        assert probe.effects(STAFF["email"]) == 1
        probe.start()

        caller.call(accounts.create_staff, kill, key="k1")

        assert probe.effects(STAFF["email"]) == 1

    def test_control_without_the_key_it_has_two(self, probe, caller):
        for key in ("k1", "k2"):
            caller.call(accounts.create_staff, STAFF, key=key)

        assert probe.effects(STAFF["email"]) == 2


class TestUnreadableRequests:
    def test_are_answered_and_stop_nothing(self, probe, caller, servers):
        url = servers.broker_url("admin", probe.vhost)
        for body in (b"\xff\xfe", b"[]", b"{", b"x" * 100):
            publish_raw(url, body, "accounts.create_staff")
        publish_raw(url, b"{}", "accounts.no_such_method")

        caller.call(accounts.create_staff, STAFF)

        assert probe.log.read_text().count("call_unreadable") == 4


def publish_signed(servers, vhost, *, seconds_left):
    """What `caller.call(accounts.create_staff, STAFF)` would send, but for the broker's expiry and the deadline."""
    key = read_private_key(servers.secrets["OPERATOR_SIGNING_KEY"])
    subject = sign_subject(service_subject("operator"), key, expires_at=time.time() + 120)
    headers = wire.CallHeaders(time.time() + seconds_left, subject, "r1", "k1").to_wire()
    body = wire.dump_request(accounts.create_staff, STAFF)
    url = servers.broker_url("operator", vhost)
    publish_raw(url, body, "accounts.create_staff", user_id="operator", application_headers=headers)


def publish_raw(url, body, routing_key, **properties):
    with connect(url) as connection:
        message = amqp.Message(body, content_type=wire.CONTENT_TYPE, **properties)
        connection.channel().basic_publish(message, exchange=wire.CALLS, routing_key=routing_key)
