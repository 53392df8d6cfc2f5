"""Messages of other times: sent by a newer release, not known here, or come again much later."""

import json
from datetime import timedelta
from uuid import uuid4

from chassis.bus import connect
from chassis.purge import purge
from chassis.testing import subjects
from chassis.testing.database import Bench
from tests.chassis import probes
from tests.chassis.conftest import wait_for
from tests.chassis.test_events import publish_body, publish_event

HANDLER = "notifications.email_confirmation_link"


def outcomes(outcome):
    return f'events_handled_total{{handler="{HANDLER}",outcome="{outcome}"}}'


class TestAnEventOfAnotherRelease:
    """C-11: an added field is ignored, an unknown event is acknowledged and counted, a broken one is set aside."""

    def test_is_handled_or_counted_or_set_aside(self, make_probe, servers):
        probe, added, behind = make_probe("notifications").start(), uuid4(), uuid4()
        facts = {"account_id": str(uuid4()), "confirmation_id": str(added), "issue": probes.FINE, "language": "fr"}
        with connect(servers.broker_url("admin", probe.vhost)) as connection:
            channel = connection.channel()
            publish_body(channel, json.dumps(facts).encode(), {"message_id": "added"})
            publish_body(channel, b"{}", {"message_id": "unknown", "type": "accounts.email_confirmation_wished"})
            publish_body(channel, b"{}", {"message_id": "another's", "type": "accounts.known_address_signed_up"})
            publish_body(channel, json.dumps({**facts, "issue": {"number": 1}}).encode(), {"message_id": "broken"})
            publish_event(channel, str(behind), behind)

        wait_for(lambda: probe.effects(behind) == 1)
        wait_for(lambda: probe.rows("SELECT message_id, state FROM parked") == [("broken", "dead")])
        wait_for(lambda: probe.metric(outcomes("unknown")) == 2)

        assert probe.effects(added) == 1
        assert probe.rows("SELECT count(*) FROM effects") == [(2,)]


class TestAMessageThatComesAgainMuchLater:
    """C-02: what was handled is known for 31 days; beyond that a message has its effect again, which is the limit."""

    def test_has_no_second_effect_within_a_month(self, make_probe, servers, tmp_path):
        probe, cause, clock = make_probe("notifications"), uuid4(), tmp_path / "clock"
        probe.environment["CLOCK_OFFSET_FILE"] = str(clock)
        bench = Bench(probe.database_url, "notifications", clock)
        probe.start()
        self.deliver(servers, probe, cause)
        wait_for(lambda: probe.effects(cause) == 1)

        for times, age in enumerate((timedelta(days=6, hours=23), timedelta(days=30, hours=23)), start=1):
            bench.move_clock(age)
            forget_what_is_old(bench)
            self.deliver(servers, probe, cause)
            wait_for(lambda times=times: probe.metric(outcomes("repeated")) == times)
            assert probe.effects(cause) == 1

        bench.move_clock(timedelta(days=32))
        forget_what_is_old(bench)
        self.deliver(servers, probe, cause)
        wait_for(lambda: probe.effects(cause) == 2)
        bench.close()

    def deliver(self, servers, probe, cause):
        with connect(servers.broker_url("admin", probe.vhost)) as connection:
            publish_event(connection.channel(), "the same", cause)


def forget_what_is_old(bench):
    bench.act(lambda session, subject, now: purge(session, now=now), subjects.VISITOR)
