"""Facts that tests announce, and what of them is seen on the wire."""

import contextlib
import json
from uuid import uuid4

from kombu import Connection

from chassis import topology
from chassis.outbox import announce
from chassis.testing import subjects
from contracts import accounts
from tests.chassis import probes

QUEUE = "notifications.email_confirmation_link"


def announce_facts(bench, count, issue=probes.FINE):
    """Announce facts of so many aggregates in one transaction; answer what their effects will name as their cause."""
    causes = [uuid4() for _ in range(count)]

    def change(session, subject):
        for cause in causes:
            announce(session, accounts.EmailConfirmationRequested, account_id=cause, confirmation_id=cause, issue=issue)

    bench.act(change, subjects.VISITOR)
    return [str(cause) for cause in causes]


def unpublished_count(bench):
    return bench.rows("SELECT count(*) FROM outbox WHERE published_at IS NULL")[0][0]


def effect_counts(hearer):
    """How many effects each cause had."""
    return dict(map(tuple, hearer.rows("SELECT cause, count(*) FROM effects GROUP BY cause")))


class Wire:
    """A queue beside the listeners' that keeps whatever one service publishes, for as long as the connection."""

    def __init__(self, connection, service="accounts"):
        self._connection = connection
        self._channel = connection.channel()
        topology.events_exchange(service)(self._channel).declare()
        self._channel.queue_declare("spy", exclusive=True)
        self._channel.queue_bind("spy", f"{service}.events", "#")
        self._messages = []

    def count(self):
        return self._channel.queue_declare("spy", passive=True).message_count + len(self._messages)

    def messages(self):
        """All that was published so far, in order."""
        while message := self._channel.basic_get("spy", no_ack=True):
            self._messages.append(message)
        return self._messages


@contextlib.contextmanager
def wire_of(servers, vhost):
    with Connection(
        servers.broker_url("admin", vhost), heartbeat=0
    ) as connection:  # Nobody reads it for as long as a fault lasts.
        yield Wire(connection)


def declare_queues_of_listeners(wire, service="accounts"):
    """Let queues stand as if their listeners had been there once."""
    for queue in topology.queues_listening_to(service):
        queue(wire._channel).declare()


def versions_of(messages):
    """The aggregate and the version in each message: tests that look at the order let `issue` be the version."""
    facts = [json.loads(message.body) for message in messages]
    return [(each["account_id"], each["issue"]) for each in facts]


def order_violations(versions):
    """How often an (aggregate, version) pair comes after a later one of its aggregate; a pair seen before does not count."""
    newest, seen, violations = {}, set(), 0
    for aggregate, version in versions:
        if (aggregate, version) in seen:
            continue
        seen.add((aggregate, version))
        violations += version < newest.get(aggregate, 0)
        newest[aggregate] = max(version, newest.get(aggregate, 0))
    return violations
