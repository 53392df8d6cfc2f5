"""Whatever comes: each kind of bad message has its outcome, its metric and its log line, and the next one is handled.

C-09 and C-11 for events; calls are unreadable, unknown, forged, expired, undeclared or late.
"""

import json
import time
from dataclasses import dataclass, field
from uuid import uuid4

import amqp
import pytest

from chassis import topology, wire
from chassis.bus import connect
from chassis.subject import read_private_key, service_subject, sign_subject
from contracts import invitations
from tests.chassis.conftest import wait_for
from tests.chassis.test_events import REQUESTED, publish_event
from tests.chassis.test_inbox_projections import publish_state

LINK, INVITATION = "notifications.email_confirmation_link", "notifications.email_invitation"
FACTS = {"account_id": str(uuid4()), "confirmation_id": str(uuid4()), "issue": 0}


@dataclass
class BadEvent:
    """A message for a handler's queue, and what must become of it."""

    body: bytes
    log: str = "event_unreadable"
    state: str | None = "dead"  # At the operator's desk; none where it is acknowledged.
    outcome: str = "dead"
    queue: str = LINK
    times: int = 1
    properties: dict = field(default_factory=dict)

    def publish(self, channel):
        """Send it, under an id of its own unless it has one or none on purpose; that id."""
        event = REQUESTED if self.queue == LINK else invitations.InvitationSent.name
        properties = {"content_type": wire.CONTENT_TYPE, "type": event, "message_id": uuid4().hex, **self.properties}
        message = amqp.Message(self.body, **{key: value for key, value in properties.items() if value is not None})
        for _ in range(self.times):
            channel.basic_publish_confirm(message, exchange="", routing_key=self.queue)
        return properties["message_id"]

    @property
    def samples(self):
        """The counters that must move by one."""
        handled = f'events_handled_total{{handler="{self.queue}",outcome="{self.outcome}"}}'
        return [handled] + ([f'messages_unreadable_total{{queue="{self.queue}"}}'] if self.log == "event_unreadable" else [])


GOOD_BODY = json.dumps(FACTS).encode()
UNKNOWN = {"log": "event_unknown", "state": None, "outcome": "unknown"}
BAD_EVENTS = {
    "cut": BadEvent(b'{"account_id": '),
    "not text": BadEvent(b"\xff\xfe\x00"),
    "another format": BadEvent(GOOD_BODY, properties={"content_type": "application/x-python-serialize"}),
    "oversized": BadEvent(b'"' + b"x" * wire.LARGEST_BODY + b'"'),
    "wrongly typed": BadEvent(json.dumps({**FACTS, "issue": "one"}).encode()),
    "anonymous": BadEvent(GOOD_BODY, properties={"message_id": None}),
    "unversioned": BadEvent(b"{}", queue=INVITATION, properties={"application_headers": {"aggregate_id": "a"}}),
    "unknown": BadEvent(GOOD_BODY, properties={"type": "accounts.email_confirmation_wished"}, **UNKNOWN),
    "of no type": BadEvent(GOOD_BODY, properties={"type": None}, **UNKNOWN),
    "duplicated": BadEvent(GOOD_BODY, log="event_repeated", state=None, outcome="repeated", times=2),
}


def logged(probe, event, **facts):
    """How many lines of the log tell this fact."""
    lines = [json.loads(line) for line in probe.log.read_text().splitlines() if f'"{event}"' in line]
    return sum(line["event"] == event and facts.items() <= line.items() for line in lines)


def one_more(probe, samples):
    """What waits until each of these counters has moved by one."""
    before = [probe.metric(sample) for sample in samples]
    return lambda: [probe.metric(sample) for sample in samples] == [value + 1 for value in before]


def publish_good(channel, queue):
    cause = uuid4()
    if queue == LINK:
        publish_event(channel, str(cause), cause)
    else:
        publish_state(channel, cause, 1)
    return cause


class TestBadEvents:
    def test_are_told_and_stop_nothing(self, make_probe, servers):
        probe = make_probe("notifications").start()
        with connect(servers.broker_url("admin", probe.vhost)) as connection:
            channel = connection.channel()
            for name, bad in BAD_EVENTS.items():
                self.see(probe, channel, name, bad)

    def see(self, probe, channel, name, bad):
        counted = one_more(probe, bad.samples)

        message_id = bad.publish(channel)
        good = publish_good(channel, bad.queue)

        wait_for(lambda: probe.effects(good) == 1, explain=lambda: f"behind {name}")
        wait_for(counted, explain=lambda: f"{name}: {bad.samples}")
        wait_for(lambda: logged(probe, bad.log, handler=bad.queue, message_id=message_id) == 1, explain=lambda: name)
        rows = probe.rows("DELETE FROM parked RETURNING state, attempt_count")
        assert rows == ([(bad.state, 1)] if bad.state else []), name


STAFF = {"first_name": "Ada", "last_name": "Dupont", "password": "un long mot de passe"}
METHOD = "accounts.create_staff"
UNREADABLE = 'messages_unreadable_total{queue="accounts.calls"}'


@dataclass
class BadCall:
    """A request, and what must become of it."""

    log: str
    sample: str
    refusal: str | None  # What is answered; none where nobody waits.
    body: bytes | None = None  # A good one where none is given.
    method: str = METHOD
    user: str = "operator"
    signer: str = "operator"
    subject_seconds: float = 60
    seconds_left: float = 30
    headers: dict = field(default_factory=dict)


def served(outcome):
    return f'calls_served_total{{method="{METHOD}",outcome="{outcome}"}}'


def unreadable(**how):
    return BadCall("call_unreadable", UNREADABLE, "Invalid", **how)


def refused(refusal, outcome, **how):
    return BadCall("call_refused", served(outcome), refusal, **how)


BAD_CALLS = {
    "cut": unreadable(body=b"{"),
    "a list": unreadable(body=b"[]"),
    "without a deadline": unreadable(headers={"deadline": None}),
    "with an endless deadline": unreadable(headers={"deadline": "inf"}),
    "wrongly typed": refused("Invalid", "invalid", body=b'{"email": 3}'),
    "without a key": refused("KeyIsMissing", "invalid", headers={"idempotency_key": None}),
    "of a forged subject": refused("SubjectIsNotValid", "forbidden", signer="sync"),
    "of an expired subject": refused("SubjectIsNotValid", "forbidden", subject_seconds=-5),
    "of an unreadable subject": refused("SubjectIsNotValid", "forbidden", headers={"subject": "nobody"}),
    "of an undeclared caller": refused("CallerIsNotDeclared", "forbidden", user="admin"),
    "past its deadline": BadCall("call_expired", f'calls_expired_total{{method="{METHOD}"}}', None, seconds_left=-1),
    "of an unknown method": BadCall(
        "call_unknown", 'calls_served_total{method="unknown",outcome="unknown"}', None, method="accounts.wish", user="admin"
    ),
}


class Desk:
    """Where calls are sent by hand and their answers read."""

    def __init__(self, servers, vhost, connections):
        self.secrets = servers.secrets
        self.channels = {user: connections[user].channel() for user in connections}
        self.queue = topology.reply_queue("operator", uuid4().hex)(self.channels["operator"])
        self.queue.declare()

    def send(self, call, email):
        headers = {**self.headers(call), **call.headers}
        body = wire.encode({**STAFF, "email": email}) if call.body is None else call.body
        properties = {"content_type": wire.CONTENT_TYPE, "reply_to": self.queue.name, "user_id": call.user}
        headers = {key: value for key, value in headers.items() if value is not None}
        message = amqp.Message(body, application_headers=headers, **properties)
        self.channels[call.user].basic_publish(message, exchange=wire.CALLS, routing_key=call.method)

    def headers(self, call):
        key = read_private_key(self.secrets[f"{call.signer.upper()}_SIGNING_KEY"])
        subject = sign_subject(service_subject("operator"), key, expires_at=time.time() + call.subject_seconds)
        return wire.CallHeaders(time.time() + call.seconds_left, subject, uuid4().hex, uuid4().hex).to_wire()

    def answer(self):
        """The next answer: a refusal's name, or « result »."""
        message = wait_for(lambda: self.channels["operator"].basic_get(self.queue.name, no_ack=True))
        answer = json.loads(message.body)
        return answer["refusal"]["name"] if "refusal" in answer else next(iter(answer))


class TestBadCalls:
    @pytest.fixture
    def probe(self, make_probe):
        return make_probe("accounts").start()

    @pytest.fixture
    def desk(self, probe, servers):
        operator, admin = (connect(servers.broker_url(user, probe.vhost)) for user in ("operator", "admin"))
        with operator, admin:
            yield Desk(servers, probe.vhost, {"operator": operator, "admin": admin})

    def test_are_answered_and_told_and_stop_nothing(self, probe, desk):
        for name, call in BAD_CALLS.items():
            self.see(probe, desk, name, call)

    def see(self, probe, desk, name, call):
        counted, told = one_more(probe, [call.sample]), logged(probe, call.log)
        bad, good = (f"{kind}{uuid4().hex}@emplois.example" for kind in ("bad", "good"))

        desk.send(call, bad)
        if call.refusal:
            assert desk.answer() == call.refusal, name
        desk.send(BadCall("", "", None), good)
        assert desk.answer() == "result", name

        wait_for(counted, explain=lambda: f"{name}: {call.sample}")
        wait_for(lambda: logged(probe, call.log) == told + 1, explain=lambda: f"{name}: {call.log}")
        assert (probe.effects(bad), probe.effects(good)) == (0, 1), name
