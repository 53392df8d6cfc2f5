"""M-08: a row that cannot become a message is tried five times, then set aside; it holds up nobody, and can be replayed."""

import pytest

from chassis.outbox import announce
from chassis.testing import subjects
from chassis.testing.database import Bench
from contracts import accounts
from tests.chassis import probes
from tests.chassis.conftest import wait_for
from tests.chassis.facts import announce_facts, effect_counts, unpublished_count

BEYOND_JSON = 2**70  # PostgreSQL keeps it; the writer of messages refuses an integer of more than 64 bits.
TRIES = 5


@pytest.fixture
def hearer(make_probe):
    return make_probe("notifications").start()


@pytest.fixture
def sender(make_probe):
    """A release that does not know one of the events in its outbox."""
    probe = make_probe("accounts")
    probe.program = "tests.chassis.crashing"
    probe.environment["PROBE_FAULT"] = "forgets_an_event"
    return probe


@pytest.fixture
def bench(sender, tmp_path):
    bench = Bench(sender.database_url, "accounts", tmp_path / "clock")
    yield bench
    bench.close()


def announce_about(bench, account_id, event, **facts):
    bench.act(lambda session, subject: announce(session, event, account_id=account_id, **facts), subjects.VISITOR)


def set_aside(sender):
    """The events set aside, in order, with how often each was tried."""
    rows = sender.rows("SELECT handler, state, event, attempt_count FROM parked ORDER BY event")
    assert {row[:2] for row in rows} <= {("accounts.relay", "dead")}
    return [(row.event, row.attempt_count) for row in rows]


class TestARowThatCannotBePublished:
    def test_is_set_aside_while_all_others_flow_and_can_be_replayed(self, hearer, sender, bench, make_caller):
        (poison,) = announce_facts(bench, 1, issue=BEYOND_JSON)
        (forgotten,) = announce_facts(bench, 1)
        announce_about(bench, forgotten, accounts.KnownAddressSignedUp)
        announce_about(bench, poison, accounts.EmailConfirmationRequested, confirmation_id=poison, issue=probes.FINE)
        others = announce_facts(bench, 20)

        sender.start()

        wait_for(lambda: effect_counts(hearer) == dict.fromkeys([poison, forgotten, *others], 1), 30, sender.log.read_text)
        unknown, unwritable = accounts.KnownAddressSignedUp.name, accounts.EmailConfirmationRequested.name
        wait_for(lambda: set_aside(sender) == [(unwritable, TRIES), (unknown, TRIES)], 30, sender.log.read_text)
        assert unpublished_count(bench) == 0

        sender.stop()
        sender.environment["PROBE_FAULT"] = ""  # A release that knows the event.
        sender.start()
        answer = make_caller("operator", sender.vhost).call(accounts.replay_parked, {"parked_id": None})

        assert answer == {"replayed_count": 2}
        wait_for(lambda: effect_counts(hearer).get(forgotten) == 2)  # One for each of its two facts.
        wait_for(lambda: set_aside(sender) == [(unwritable, TRIES)], 30, sender.log.read_text)
        assert unpublished_count(bench) == 0
