"""What several do at once, on a real PostgreSQL; and what the same race does to code that is not careful."""

import threading
from uuid import uuid4

from chassis.outbox import announce
from chassis.testing.subjects import employer
from contracts import invitations as contract
from contracts.errors import Refusal
from services.invitations import acceptance, actions, queries
from services.invitations.models import Invitation
from tests.factories.invitations import Others, contact, line, lines, row, send, standing, token_of

TIMES = 200
AT_ONCE = 4
ACCEPTED = "invitations.invitation_accepted"


def race(*runners):
    """Run all at once, from behind a barrier; what each answered or was refused."""
    barrier, outcomes = threading.Barrier(len(runners)), []

    def run(runner):
        barrier.wait(10)
        try:
            outcomes.append(runner())
        except Refusal as refusal:
            outcomes.append(refusal)

    threads = [threading.Thread(target=run, args=(runner,)) for runner in runners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(outcomes) == len(runners), "a runner broke or hangs"
    return outcomes


def accepted_facts(bench, invitation):
    return [fact for fact in bench.announced(ACCEPTED) if fact["invitation_id"] == str(invitation["invitation_id"])]


def pending_count(bench, organization_id):
    waiting = "SELECT count(*) FROM invitations WHERE state = 'pending' AND organization_id = :organization_id"
    return bench.rows(waiting, organization_id=organization_id)[0][0]


def inviting(bench, organization_id, invitees=None):
    where = {"organization_id": organization_id}
    return lambda: send(bench, invitees or [line()], **where)


class TestAcceptInvitation:
    """O-02, I1: one admission, one accepted, one event."""

    def test_by_one_account_four_times_at_once(self, bench):
        for _ in range(TIMES):
            account_id = uuid4()
            others = Others(contact(account_id))
            (invitation,) = send(bench)

            def accepting(account_id=account_id, others=others, invitation=invitation):
                work = bench.work(employer(account_id))
                return acceptance.accept_invitation(work, others, token=token_of(invitation), one_kind_per_email=True)

            outcomes = race(*[accepting] * AT_ONCE)

            assert not any(isinstance(outcome, Refusal) for outcome in outcomes)
            assert row(bench, invitation).state == "accepted"
            assert others.admitted == {invitation["invitation_id"]: account_id}
            assert len(accepted_facts(bench, invitation)) == 1

    def test_by_two_accounts_at_once(self, bench):
        """The address moved from one account to the other while they were asked about: one has it all."""
        for _ in range(TIMES):
            people = [uuid4(), uuid4()]
            others = Others(*(contact(account_id) for account_id in people))
            (invitation,) = send(bench)

            def accepting(account_id, others=others, invitation=invitation):
                work = bench.work(employer(account_id))
                request = {"token": token_of(invitation), "one_kind_per_email": True}
                return lambda: acceptance.accept_invitation(work, others, **request)

            outcomes = race(*(accepting(account_id) for account_id in people))

            assert [type(outcome) for outcome in outcomes].count(contract.InvitationIsOver) == 1
            assert list(others.admitted.values()) == [row(bench, invitation).account_id]
            assert len(accepted_facts(bench, invitation)) == 1

    def test_breaks_without_care(self, bench):
        """The negative control: a state read without a lock, and what follows from it written."""
        gate = threading.Barrier(AT_ONCE)

        def accept_without_care(session, subject, *, invitation_id, now):
            invitation = session.get(Invitation, invitation_id)
            is_pending = invitation.state == "pending"
            gate.wait(10)
            if is_pending:
                invitation.state, invitation.account_id = "accepted", subject.account_id
                invitation.begun_at = invitation.ended_at = now
                names = ("invitation_id", "organization_id", "organization_name", "account_id", "sender_account_id")
                announce(session, contract.InvitationAccepted, **{name: getattr(invitation, name) for name in names})

        (invitation,) = send(bench)
        request = {"invitation_id": invitation["invitation_id"]}
        race(*[lambda: bench.act(accept_without_care, employer(uuid4()), **request)] * AT_ONCE)

        assert len(accepted_facts(bench, invitation)) == AT_ONCE


class TestInvite:
    """O-04, I3: one pending invitation to an address."""

    def test_one_address_four_times_at_once(self, bench):
        for _ in range(TIMES):
            organization_id = uuid4()
            outcomes = race(*[inviting(bench, organization_id)] * AT_ONCE)
            assert not any(isinstance(outcome, Refusal) for outcome in outcomes)
            assert pending_count(bench, organization_id) == 1

    def test_breaks_without_care(self, bench, monkeypatch):
        """The negative control: without the lock and without the index, each sees that nothing is pending yet."""
        gate = threading.Barrier(AT_ONCE)
        bench.rows("DROP INDEX uq_invitations_pending")
        monkeypatch.setattr(queries, "lock_inviting", lambda *_: None)
        monkeypatch.setattr(queries, "pending_count", lambda *_, **__: gate.wait(10) * 0)

        organization_id = uuid4()
        race(*[inviting(bench, organization_id)] * AT_ONCE)

        assert pending_count(bench, organization_id) == AT_ONCE

    def test_never_exceeds_the_limit(self, bench):
        """INV-42: 45 wait, four batches of five come at once."""
        organization_id = uuid4()
        batches = [[line(f"lot{batch}.{number}@jardins.example") for number in range(5)] for batch in range(AT_ONCE)]
        send(bench, lines(30), organization_id=organization_id)
        send(bench, [line(f"autre{number}@jardins.example") for number in range(15)], organization_id=organization_id)
        for _ in range(TIMES):
            outcomes = race(*(inviting(bench, organization_id, batch) for batch in batches))

            assert [type(outcome) for outcome in outcomes].count(contract.TooManyPendingInvitations) == AT_ONCE - 1
            assert pending_count(bench, organization_id) == 50
            bench.rows("UPDATE invitations SET state = 'cancelled', ended_at = sent_at WHERE email LIKE 'lot%'")

    def test_against_an_acceptance_of_the_former_one(self, bench):
        """O-03: it is replaced or accepted, never both."""
        for _ in range(TIMES):
            account_id, organization_id = uuid4(), uuid4()
            others = Others(contact(account_id))
            (former,) = send(bench, organization_id=organization_id)

            def accepting(account_id=account_id, others=others, former=former):
                request = {"token": token_of(former), "one_kind_per_email": True}
                return acceptance.accept_invitation(bench.work(employer(account_id)), others, **request)

            race(inviting(bench, organization_id), accepting)

            is_accepted = row(bench, former).state == "accepted"
            assert is_accepted or row(bench, former).state == "replaced"
            assert len(others.admitted) == len(accepted_facts(bench, former)) == is_accepted
            assert pending_count(bench, organization_id) == 1


class TestIdempotencyKey:
    """X-04: a double click sends one mail."""

    def test_invites_once(self, bench):
        where, sender = standing(), uuid4()
        request = {"organization_id": where["organization_id"], "invitees": [line()], "standing": where, "token_key": bytes(32)}

        def click():
            return bench.change(actions.invite, employer(sender), contract.invite, "one-click", **request)

        def clicking():
            try:
                return click()
            except Exception as again:  # AlreadyDone is not a refusal: its result is the answer.
                return again.result

        one, other = race(clicking, clicking)

        assert one == other
        assert len(bench.announced("invitations.invitation_sent")) == 1
