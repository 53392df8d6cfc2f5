"""C-12: the operator lists what is set aside, runs one or all of it again, or gives one up; each step is written down."""

import json
from uuid import uuid4

import pytest

from contracts import notifications
from contracts.parked import ParkedMessageNotFound
from tests.chassis import probes
from tests.chassis.conftest import wait_for
from tests.chassis.test_events import PARK, REQUESTED
from tests.chassis.test_inbox_outages import effects_of, publish_all


def set_aside(probe, cause, message_id=None):
    """A dead message whose handler would do well today; its id at the desk."""
    facts = {"account_id": str(uuid4()), "confirmation_id": str(cause), "issue": probes.FINE}
    parked_id = uuid4()
    probe.rows(PARK, id=parked_id, message_id=message_id or str(cause), event=REQUESTED, body=json.dumps(facts).encode())
    return parked_id


class TestTheDesk:
    def test_lists_replays_and_discards_and_writes_it_down(self, make_probe, make_caller, servers):
        probe, causes = make_probe("notifications").start(), [uuid4() for _ in range(5)]
        operator = make_caller("operator", probe.vhost)
        one, *others, given_up = [set_aside(probe, cause) for cause in causes]
        listed = operator.call(notifications.list_parked, {"limit": 3})
        assert (len(listed["items"]), listed["total_count"]) == (3, 5)
        assert {each["state"] for each in listed["items"]} == {"dead"}

        operator.call(notifications.discard_parked, {"parked_id": given_up})
        assert operator.call(notifications.replay_parked, {"parked_id": one}) == {"replayed_count": 1}
        wait_for(lambda: effects_of(probe, causes[:1]) == {1})
        assert effects_of(probe, causes[1:]) == {0}
        assert operator.call(notifications.replay_parked, {"parked_id": None}) == {"replayed_count": len(others)}
        wait_for(lambda: probe.rows("SELECT count(*) FROM parked") == [(0,)])

        assert [probe.effects(cause) for cause in causes] == [1, 1, 1, 1, 0]
        for method in (notifications.replay_parked, notifications.discard_parked):
            with pytest.raises(ParkedMessageNotFound):
                operator.call(method, {"parked_id": one})
        written = probe.rows("SELECT action, subject, facts ->> 'parked_id' AS parked_id FROM audit ORDER BY id")
        assert [each.action for each in written] == ["discard_parked"] + ["replay_parked"] * 4
        assert [each.parked_id for each in written[:2]] == [str(given_up), str(one)]
        assert {each.parked_id for each in written[2:]} == {str(each) for each in others}
        assert {each.subject for each in written} == {"service:operator"}

    def test_replays_what_had_its_effect_already_without_a_second(self, make_probe, make_caller, servers):
        probe, cause = make_probe("notifications").start(), uuid4()
        publish_all(servers, probe, [cause])
        wait_for(lambda: probe.effects(cause) == 1)
        parked_id = set_aside(probe, cause)

        make_caller("operator", probe.vhost).call(notifications.replay_parked, {"parked_id": parked_id})

        wait_for(lambda: probe.rows("SELECT count(*) FROM parked") == [(0,)])
        assert probe.effects(cause) == 1
