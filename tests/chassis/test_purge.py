"""Payloads are kept no longer than they serve."""

from datetime import timedelta
from uuid import uuid4

from chassis.purge import purge
from chassis.testing import subjects
from chassis.testing.database import Bench
from tests.chassis import probes


class TestPurge:
    def test_forgets_what_was_published_a_week_ago_and_never_what_was_not(self, fresh_database, tmp_path):
        bench = Bench(fresh_database("accounts"), "accounts", tmp_path / "clock")
        for _ in range(2):
            bench.act(
                probes.announce_confirmation, subjects.VISITOR, account_id=uuid4(), confirmation_id=uuid4(), issue=probes.FINE
            )
        bench.rows("UPDATE outbox SET published_at = created_at WHERE id = (SELECT min(id) FROM outbox)")
        bench.rows("INSERT INTO inbox VALUES ('a', 'b', (SELECT min(created_at) FROM outbox))")

        def forget(session, subject, now):
            return purge(session, now=now)

        assert bench.act(forget, subjects.VISITOR) == 0
        bench.move_clock(timedelta(days=8))
        assert bench.act(forget, subjects.VISITOR) == 1

        assert bench.rows("SELECT published_at FROM outbox") == [(None,)]
        bench.move_clock(timedelta(days=30, hours=23))  # A message set aside may be replayed so long: its effect is remembered.
        assert bench.act(forget, subjects.VISITOR) == 0
        bench.move_clock(timedelta(days=31, hours=1))
        assert bench.act(forget, subjects.VISITOR) == 1
        bench.close()
