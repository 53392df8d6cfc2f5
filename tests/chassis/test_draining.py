"""C-14: a process asked to end finishes what it has in hand, leaves the rest to the broker, and ends well."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import amqp

from chassis import wire
from chassis.bus import connect
from contracts import accounts, organizations
from contracts.vocabulary import StructureKind
from tests.chassis import probes
from tests.chassis.conftest import wait_for
from tests.chassis.test_events import publish_event
from tests.chassis.test_inbox_outages import effects_of

CALLS, EVENTS = 10, 7  # As many as a process has in hand at once.
PATIENCE = 90  # Three times the bar of 30 s.
STAFF = {"first_name": "Slow", "last_name": "Dupont", "password": "un long mot de passe"}
WORKING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"


def ends_well(probe):
    """Ask it to end; see that it does, with status 0."""
    began = time.monotonic()
    probe.process.send_signal(signal.SIGTERM)
    status = probe.process.wait(PATIENCE)
    print(f"{probe.name} ended {time.monotonic() - began:.1f} s after it was asked to")
    assert status == 0, probe.log.read_text()[-3000:]
    assert "service_did_not_drain" not in probe.log.read_text()


def wait_until_all_work(probe, count):
    wait_for(lambda: probe.rows(WORKING) == [(count,)], explain=probe.log.read_text)


def publish_slow(servers, probe, by_mail, by_link):
    """Slow events for two handlers of one service."""
    with connect(servers.broker_url("admin", probe.vhost)) as connection:
        channel = connection.channel()
        for cause in by_mail:
            publish_event(channel, str(cause), cause, probes.SLOW)
        for cause in by_link:
            publish_magic_link(channel, cause, probes.SLOW)


def publish_magic_link(channel, cause, issue):
    event = organizations.MagicLinkRequested
    facts = {"organization_id": uuid4(), "magic_link_id": cause, "issue": issue, "structure_name": "Les jardins"}
    body = wire.encode(event.carries().dump({**facts, "siret": "12345678900011", "kind": StructureKind.EI}))
    properties = {"content_type": wire.CONTENT_TYPE, "type": event.name, "message_id": str(cause)}
    channel.basic_publish_confirm(amqp.Message(body, **properties), exchange="", routing_key="notifications.email_magic_link")


class TestAServiceAskedToEnd:
    def test_handles_the_events_in_hand_and_leaves_the_others(self, make_probe, servers):
        probe = make_probe("notifications").start()
        by_mail, by_link = [uuid4() for _ in range(10)], [uuid4() for _ in range(10)]
        publish_slow(servers, probe, by_mail, by_link)
        wait_until_all_work(probe, EVENTS)

        ends_well(probe)

        assert probe.rows("SELECT count(*) FROM effects") == [(EVENTS,)]
        probe.start()
        wait_for(lambda: effects_of(probe, by_mail + by_link) == {1}, 30, probe.log.read_text)
        assert probe.rows("SELECT count(*) FROM parked") == [(0,)]

    def test_answers_the_calls_in_hand(self, make_probe, make_caller):
        probe = make_probe("accounts").start()
        caller = make_caller("operator", probe.vhost)
        emails = [f"p{number}@emplois.example" for number in range(CALLS)]
        with ThreadPoolExecutor(CALLS) as pool:
            answers = [pool.submit(caller.call, accounts.create_staff, {**STAFF, "email": email}) for email in emails]
            wait_until_all_work(probe, CALLS)

            ends_well(probe)

            assert all(answer.result(10)["account_id"] for answer in answers)
        assert effects_of(probe, emails) == {1}
