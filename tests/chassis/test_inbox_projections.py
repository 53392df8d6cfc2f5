"""C-06: an aggregate's states come in any order; what is kept of it ends at the newest, and never goes back."""

import random
from uuid import uuid4

import amqp

from chassis import wire
from chassis.bus import connect
from contracts import invitations
from tests.chassis.conftest import wait_for
from tests.chassis.test_events import publish_event

HANDLER = "notifications.email_invitation"
VERSIONS = 5


def publish_state(channel, invitation_id, version, headers=None):
    """One version of an invitation's state."""
    ids = {"invitation_id": invitation_id, "organization_id": invitation_id, "sender_account_id": invitation_id}
    names = {"organization_name": "Les jardins", "first_name": "Ada", "last_name": "Dupont"}
    facts = {field: str(value) for field, value in ids.items()} | names
    body = wire.encode({**facts, "issue": version, "expires_at": "2031-01-01T00:00:00+00:00"})
    headers = {"aggregate_id": str(invitation_id), "aggregate_version": version} if headers is None else headers
    properties = {"content_type": wire.CONTENT_TYPE, "type": invitations.InvitationSent.name, "message_id": uuid4().hex}
    message = amqp.Message(body, application_headers=headers, **properties)
    channel.basic_publish_confirm(message, exchange="", routing_key=HANDLER)


def kept(probe, cause):
    """The versions that were applied, in the order in which they were."""
    return [int(name) for (name,) in probe.rows("SELECT name FROM effects WHERE cause = :cause ORDER BY id", cause=str(cause))]


def handled(probe, outcome):
    return probe.metric(f'events_handled_total{{handler="{HANDLER}",outcome="{outcome}"}}')


class TestAProjection:
    def test_keeps_the_newest_of_what_comes_as_3_1_2(self, make_probe, servers):
        probe, invitation = make_probe("notifications").start(), uuid4()
        with connect(servers.broker_url("admin", probe.vhost)) as connection:
            channel = connection.channel()
            publish_state(channel, invitation, 3)
            wait_for(lambda: kept(probe, invitation) == [3])
            for count, version in enumerate((1, 2), start=1):
                publish_state(channel, invitation, version)
                wait_for(lambda count=count: handled(probe, "superseded") == count)
            assert kept(probe, invitation) == [3]

            publish_state(channel, invitation, 4)
            wait_for(lambda: kept(probe, invitation) == [3, 4])
            publish_state(channel, invitation, 5, headers={})

        wait_for(lambda: probe.rows("SELECT state, handler FROM parked") == [("dead", HANDLER)])
        assert kept(probe, invitation) == [3, 4]

    def test_never_goes_back_whatever_comes_at_once(self, make_probe, servers):
        probe, aggregates = make_probe("notifications").start(), [uuid4() for _ in range(40)]
        states = [(each, version) for each in aggregates for version in range(1, VERSIONS + 1)]
        random.Random(6).shuffle(states)
        with connect(servers.broker_url("admin", probe.vhost)) as connection:
            channel = connection.channel()
            for each, version in states:
                publish_state(channel, each, version)

        wait_for(lambda: handled(probe, "done") + handled(probe, "superseded") == len(states), 60, probe.log.read_text)
        applied = [kept(probe, each) for each in aggregates]
        assert all(versions == sorted(versions) and versions[-1] == VERSIONS for versions in applied)

    def test_control_without_the_gate_the_older_ones_are_applied_too(self, make_probe, servers):
        """The control: a handler that does not project applies what comes as it comes."""
        probe, aggregate = make_probe("notifications").start(), uuid4()
        with connect(servers.broker_url("admin", probe.vhost)) as connection:
            for version in (3, 1, 2):
                publish_event(connection.channel(), f"version {version}", aggregate)

        wait_for(lambda: probe.effects(aggregate) == 3)
