"""Messages set aside: when they are tried again, and who may decide about them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from chassis import desk, parked
from chassis.parked import Received, next_attempt, park
from chassis.testing import subjects
from chassis.testing.database import Bench
from contracts.errors import Forbidden
from contracts.parked import ParkedMessageNotFound

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
OPERATOR = subjects.service("operator")


@pytest.fixture
def bench(fresh_database, tmp_path):
    bench = Bench(fresh_database("accounts"), "accounts", tmp_path / "clock")
    yield bench
    bench.close()


def set_aside(bench, *, may_heal=False, message_id="m1"):
    received = Received("accounts.handler", b"{}", "application/json", message_id=message_id)

    def action(session, subject, now):
        return park(session, received, reason="because", may_heal=may_heal, now=now)

    bench.act(action, OPERATOR)
    return bench.rows("SELECT parked_id, state, attempt_count FROM parked WHERE message_id = :id", id=message_id)[0]


class TestNextAttempt:
    def test_waits_1_5_30_seconds_5_and_30_minutes_then_hours(self):
        waits = [(next_attempt(count, START, START) - START).total_seconds() for count in range(1, 8)]

        assert waits == [1, 5, 30, 300, 1800, 3600, 3600]

    def test_gives_up_after_a_day(self):
        assert next_attempt(28, START, START + timedelta(hours=24)) is None


class TestPark:
    def test_counts_attempts_of_one_message_in_one_row(self, bench):
        set_aside(bench, may_heal=True)

        assert set_aside(bench, may_heal=True)[1] == "waiting"
        assert bench.rows("SELECT count(*) FROM parked") == [(1,)]

    def test_knows_one_without_id_by_its_body(self, bench):
        anonymous = Received("accounts.handler", b"{", None)
        for _ in range(3):
            bench.act(lambda session, subject, now: park(session, anonymous, reason="r", may_heal=True, now=now), OPERATOR)
        bench.move_clock(timedelta(minutes=1))
        (again,) = bench.act(lambda session, subject, now: parked.claim_due(session, now=now), OPERATOR)

        bench.act(lambda session, subject, now: park(session, again, reason="r", may_heal=False, now=now), OPERATOR)

        assert bench.rows("SELECT state, attempt_count FROM parked") == [("dead", 2)]
        bench.act(lambda session, subject: parked.forget(session, again), OPERATOR)
        assert bench.rows("SELECT count(*) FROM parked") == [(0,)]

    def test_leaves_what_will_not_heal_to_an_operator(self, bench):
        assert set_aside(bench)[1:] == ("dead", 1)


class TestReplayParked:
    def test_makes_a_dead_message_due_now(self, bench):
        parked_id = set_aside(bench)[0]

        assert bench.act(desk.replay_parked, OPERATOR, parked_id=parked_id) == {"replayed_count": 1}
        assert bench.rows("SELECT state, attempt_count FROM parked") == [("waiting", 0)]

    def test_does_not_know_another_id(self, bench):
        with pytest.raises(ParkedMessageNotFound):
            bench.act(desk.replay_parked, OPERATOR, parked_id=uuid4())


class TestDiscardParked:
    def test_forgets_a_message(self, bench):
        bench.act(desk.discard_parked, OPERATOR, parked_id=set_aside(bench)[0])

        assert bench.rows("SELECT count(*) FROM parked") == [(0,)]


@pytest.mark.parametrize(
    "subject", [subjects.VISITOR, subjects.staff(uuid4()), subjects.service("gateway")], ids=lambda each: each.kind
)
class TestEverybodyElse:
    def test_is_refused(self, bench, subject):
        parked_id = set_aside(bench)[0]
        for action, request in (
            (desk.list_parked, {"limit": 10}),
            (desk.replay_parked, {"parked_id": parked_id}),
            (desk.discard_parked, {"parked_id": parked_id}),
        ):
            with pytest.raises(Forbidden):
                bench.act(action, subject, **request)

        assert bench.rows("SELECT state FROM parked") == [("dead",)]
