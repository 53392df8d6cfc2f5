"""The rules of mails, without anything else."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from contracts import accounts
from contracts.vocabulary import MailState
from services.notifications import domain
from services.notifications.domain import MailCannotMove, Outcome
from services.notifications.sending import LINK_OWNERS
from services.notifications.smtp import Line, MailServer

ACCOUNT = UUID("00000000-0000-4000-8000-000000000001")
QUEUED_AT = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)


class TestLease:
    """A worker that outlived it would send a mail that another has sent again."""

    def test_is_longer_than_all_that_is_done_in_it(self):
        asking = max(owner.deadline for owner in LINK_OWNERS.values()) + accounts.get_contacts.deadline
        remembering = 15  # Two statements of 5 s, and the connections that they may need.
        assert asking + domain.SENDING.total_seconds() + remembering <= domain.LEASE.total_seconds()

    def test_leaves_the_mail_server_no_more_than_its_share(self):
        assert Line(MailServer("mail.example", 25)).seconds == domain.SENDING.total_seconds()


class TestMove:
    def test_claims_what_is_queued(self):
        assert domain.move(MailState.QUEUED, "claim") == MailState.SENDING

    def test_claims_again_what_its_worker_left(self):
        assert domain.move(MailState.SENDING, "claim") == MailState.SENDING

    @pytest.mark.parametrize(
        ("verb", "state"),
        [("deliver", "sent"), ("put_off", "queued"), ("fail", "failed"), ("drop", "cancelled")],
    )
    def test_ends_an_attempt(self, verb, state):
        assert domain.move(MailState.SENDING, verb) == state

    @pytest.mark.parametrize("state", [MailState.SENT, MailState.FAILED, MailState.CANCELLED])
    @pytest.mark.parametrize("verb", ["claim", "deliver", "put_off", "fail", "drop"])
    def test_never_leaves_a_final_state(self, state, verb):
        with pytest.raises(MailCannotMove):
            domain.move(state, verb)

    @pytest.mark.parametrize("verb", ["deliver", "put_off", "fail", "drop"])
    def test_ends_no_attempt_that_nobody_makes(self, verb):
        with pytest.raises(MailCannotMove):
            domain.move(MailState.QUEUED, verb)

    def test_knows_every_state(self):
        assert {state for state, _ in domain.MOVES} | set(domain.MOVES.values()) == set(MailState)


class TestBackOff:
    def test_starts_at_thirty_seconds(self):
        assert domain.back_off(1, jitter=0) == timedelta(seconds=30)

    def test_doubles(self):
        assert [domain.back_off(count, jitter=0).total_seconds() for count in (2, 3, 4)] == [60, 120, 240]

    @pytest.mark.parametrize("count", [8, 20, 5000])
    def test_never_exceeds_an_hour(self, count):
        assert timedelta(minutes=49) < domain.back_off(count, jitter=0) < domain.back_off(count, jitter=1)
        assert domain.back_off(count, jitter=1) <= timedelta(hours=1)

    def test_spreads_by_a_fifth(self):
        assert domain.back_off(1, jitter=0.5) == timedelta(seconds=33)

    def test_reaches_a_day_in_some_thirty_attempts(self):
        waited, count = timedelta(), 0
        while waited < domain.GIVE_UP_AFTER:
            count += 1
            waited += domain.back_off(count, jitter=0.5)
        assert 28 <= count <= 36


class TestFinalOutcome:
    def test_keeps_trying_within_a_day(self):
        outcome = Outcome("put_off", "451")
        next_attempt_at = QUEUED_AT + timedelta(hours=24)
        assert domain.final_outcome(outcome, queued_at=QUEUED_AT, next_attempt_at=next_attempt_at) == outcome

    def test_gives_up_after_a_day(self):
        next_attempt_at = QUEUED_AT + timedelta(hours=24, seconds=1)
        outcome = domain.final_outcome(Outcome("put_off", "451"), queued_at=QUEUED_AT, next_attempt_at=next_attempt_at)
        assert outcome == Outcome("fail", "given up after 24 h: 451")

    @pytest.mark.parametrize("verb", ["deliver", "fail", "drop"])
    def test_changes_no_other_outcome(self, verb):
        late = QUEUED_AT + timedelta(days=3)
        assert domain.final_outcome(Outcome(verb), queued_at=QUEUED_AT, next_attempt_at=late) == Outcome(verb)


class TestMailID:
    def test_is_the_same_for_the_same_cause(self):
        assert domain.mail_id("cause", "invitation", None) == domain.mail_id("cause", "invitation", None)

    def test_differs_by_cause_template_and_recipient(self):
        ids = {
            domain.mail_id("cause", "invitation", None),
            domain.mail_id("other cause", "invitation", None),
            domain.mail_id("cause", "magic_link", None),
            domain.mail_id("cause", "invitation", ACCOUNT),
        }
        assert len(ids) == 4
