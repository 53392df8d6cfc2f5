"""Accepting an invitation, with the other services replaced at the edge of the process."""

from datetime import timedelta
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.call import Calling
from chassis.context import Answer
from chassis.serve import CallerIsNotDeclared
from chassis.subject import SubjectIsNotValid, verify
from chassis.testing.subjects import VISITOR, employer, prescriber, service, staff
from chassis.wire import BusIsDown, CallFailed, CallTimedOut, dump_result
from contracts import invitations as contract
from contracts.errors import Forbidden, Unauthenticated
from contracts.invitations import AccountIsOfAnotherKind, InvitationIsForSomeoneElse, InvitationIsOver
from contracts.links import LinkIsUnknown
from contracts.organizations import OrganizationNotFound, StructureIsNotActive
from contracts.vocabulary import AccountKind, Role
from services.invitations import acceptance
from tests.factories.invitations import EMAIL, Others, contact, line, row, send, token_of

ACCEPTED = "invitations.invitation_accepted"
SWEEP = service("invitations")
KEY = Ed25519PrivateKey.generate()
AMELIE = uuid4()


class Killed(Exception):
    """The process ends here: nothing that follows happens."""


@pytest.fixture
def others():
    return Others(contact(AMELIE))


def accept(bench, others, invitation, subject=None, *, one_kind=True):
    """As the entrypoint does; the answer as it leaves."""
    work = bench.work(subject or employer(AMELIE), method=contract.accept_invitation)
    answer = acceptance.accept_invitation(work, others, token=token_of(invitation), one_kind_per_email=one_kind)
    return answer if isinstance(answer, Answer) else dump_result(contract.accept_invitation, answer)


def resume(bench, others):
    acceptance.resume_acceptances(bench.work(SWEEP), others)


class TestCheckAcceptance:
    def check(self, bench, others, token, subject=VISITOR):
        work = bench.work(subject, method=contract.check_acceptance)
        return acceptance.check_acceptance(work, others, KEY, token=token)

    def test_gives_a_signed_claim_about_the_address(self, bench, others):
        (invitation,) = send(bench)

        answer = self.check(bench, others, token_of(invitation))

        claims = verify(answer["claim"], {"invitations": KEY.public_key()})
        expires_in = claims.pop("exp") - invitation["sent_at"].timestamp()
        assert claims == {
            "iss": "invitations",
            "purpose": "admission",
            "email": EMAIL,
            "kind": "employer",
            "invitation_id": str(invitation["invitation_id"]),
            "proves_address": True,
        }
        assert 3600 <= expires_in < 3660
        assert answer["email"] == EMAIL

    def test_changes_nothing(self, bench, others):
        (invitation,) = send(bench)
        before = row(bench, invitation)
        self.check(bench, others, token_of(invitation))
        assert row(bench, invitation) == before

    def test_refuses_a_structure_that_is_no_longer_active(self, bench, others):
        """INV-26"""
        (invitation,) = send(bench)
        others.standing["is_active"] = False
        with pytest.raises(StructureIsNotActive):
            self.check(bench, others, token_of(invitation))

    def test_refuses_what_is_over(self, bench, others):
        (invitation,) = send(bench)
        bench.move_clock(timedelta(days=14))
        with pytest.raises(InvitationIsOver):
            self.check(bench, others, token_of(invitation))
        assert others.asked == []

    def test_refuses_an_unknown_link(self, bench, others):
        with pytest.raises(LinkIsUnknown):
            self.check(bench, others, "deviné")

    def test_answers_who_was_let_in_and_lost_the_answer(self, bench, others):
        """They send the same form again, for a day; accounts opens a session for the same password alone."""
        (invitation,) = send(bench)
        first = self.check(bench, others, token_of(invitation))
        accept(bench, others, invitation)
        others.standing["is_active"] = False  # What they have joined may be closed since.

        assert self.check(bench, others, token_of(invitation))["email"] == first["email"]

        bench.move_clock(timedelta(hours=23, minutes=59))
        assert self.check(bench, others, token_of(invitation))
        bench.move_clock(timedelta(hours=24, minutes=1))
        with pytest.raises(InvitationIsOver):
            self.check(bench, others, token_of(invitation))

    def test_tells_again_why_the_structure_was_not_joined(self, bench, others):
        (invitation,) = send(bench)
        others.refusal = StructureIsNotActive()
        with pytest.raises(StructureIsNotActive):
            accept(bench, others, invitation)
        with pytest.raises(StructureIsNotActive):
            self.check(bench, others, token_of(invitation))

    def test_still_answers_while_the_new_account_joins(self, bench, others):
        """Who signed up and got no answer tries the same form again; accounts knows them by the invitation."""
        (invitation,) = send(bench)
        others.loss = CallTimedOut()
        with pytest.raises(CallTimedOut):
            accept(bench, others, invitation)
        assert self.check(bench, others, token_of(invitation))["email"] == EMAIL


class TestAcceptInvitation:
    def test_admits_with_the_invitations_role(self, bench, others):
        (invitation,) = send(bench, [line(administrator=True)], role=Role.ADMINISTRATOR)
        accept(bench, others, invitation)

        assert others.requests["organizations.admit_member"] == {
            "organization_id": invitation["organization_id"],
            "account_id": AMELIE,
            "role": "administrator",
            "invitation_id": invitation["invitation_id"],
        }

    def test_is_accepted_and_says_so(self, bench, others):
        (invitation,) = send(bench)

        answer = accept(bench, others, invitation)

        assert answer == {
            "invitation_id": str(invitation["invitation_id"]),
            "organization_id": str(invitation["organization_id"]),
            "state": "accepted",
        }
        assert (row(bench, invitation).state, row(bench, invitation).account_id) == ("accepted", AMELIE)
        assert bench.announced(ACCEPTED) == [
            {
                "invitation_id": str(invitation["invitation_id"]),
                "organization_id": str(invitation["organization_id"]),
                "organization_name": "Les Jardins d'Aurore",
                "account_id": str(AMELIE),
                "sender_account_id": str(invitation["sender_account_id"]),
            }
        ]

    def test_asks_for_the_address_then_for_the_admission(self, bench, others):
        (invitation,) = send(bench)
        accept(bench, others, invitation)
        assert others.asked == ["accounts.get_contacts", "organizations.admit_member"]

    def test_knows_the_address_however_it_is_spelt(self, bench):
        (invitation,) = send(bench, [line("Amelie.DUPRE@jardins.example")])
        accept(bench, Others(contact(AMELIE, "amelie.dupre@Jardins.example")), invitation)
        assert row(bench, invitation).state == "accepted"

    def test_answers_the_same_account_alike(self, bench, others):
        (invitation,) = send(bench)
        first = accept(bench, others, invitation)

        assert accept(bench, others, invitation) == first
        assert len(bench.announced(ACCEPTED)) == 1
        assert others.asked.count("organizations.admit_member") == 1  # They may have been removed since.

    def test_is_over_for_others(self, bench, others):
        (invitation,) = send(bench)
        accept(bench, others, invitation)
        someone = uuid4()
        with pytest.raises(InvitationIsOver):
            accept(bench, Others(contact(someone)), invitation, employer(someone))

    def test_is_for_the_invited_person_alone(self, bench):
        """INV-24, O-05: the token is not consumed."""
        (invitation,) = send(bench)
        others = Others(contact(AMELIE, "quelqu.un@jardins.example"))
        with pytest.raises(InvitationIsForSomeoneElse):
            accept(bench, others, invitation)
        assert row(bench, invitation).state == "pending" and others.admitted == {}

    @pytest.mark.parametrize(("prescribers", "subject"), [(True, employer(AMELIE)), (False, prescriber(AMELIE))])
    def test_is_for_accounts_of_the_right_kind(self, bench, prescribers, subject):
        """INV-24, F-52"""
        (invitation,) = send(bench, prescribers=prescribers)
        with pytest.raises(AccountIsOfAnotherKind) as refused:
            accept(bench, Others(contact(AMELIE, prescriber=not prescribers)), invitation, subject)
        assert refused.value.facts == {"wanted": "prescriber" if prescribers else "employer"}
        assert row(bench, invitation).state == "pending"

    @pytest.mark.parametrize(("prescribers", "subject"), [(True, employer(AMELIE)), (False, prescriber(AMELIE))])
    def test_is_for_both_kinds_once_one_account_may_hold_both(self, bench, prescribers, subject):
        """G-07: the relaxation of 2026."""
        (invitation,) = send(bench, prescribers=prescribers)
        answer = accept(bench, Others(contact(AMELIE, prescriber=not prescribers)), invitation, subject, one_kind=False)
        assert answer["state"] == row(bench, invitation).state == "accepted"

    @pytest.mark.parametrize("known", [[], [contact(AMELIE, closed=True)], [contact(uuid4())]])
    def test_needs_an_open_account(self, bench, known):
        (invitation,) = send(bench)
        with pytest.raises(Unauthenticated):
            accept(bench, Others(*known), invitation)
        assert row(bench, invitation).state == "pending"

    def test_needs_an_account(self, bench, others):
        (invitation,) = send(bench)
        with pytest.raises(Unauthenticated):
            accept(bench, others, invitation, VISITOR)
        with pytest.raises(Forbidden):
            accept(bench, others, invitation, service("accounts"))
        assert others.asked == []

    @pytest.mark.parametrize("one_kind", [True, False])
    def test_refuses_staff_like_any_other_kind(self, bench, one_kind):
        (invitation,) = send(bench)
        team = {**contact(AMELIE), "kind": AccountKind.STAFF}
        with pytest.raises(AccountIsOfAnotherKind):
            accept(bench, Others(team), invitation, staff(AMELIE), one_kind=one_kind)

    def test_refuses_an_unknown_link_without_asking_anybody(self, bench, others):
        (invitation,) = send(bench, key=bytes(32))
        with pytest.raises(LinkIsUnknown):
            accept(bench, others, invitation)
        assert others.asked == []

    @pytest.mark.parametrize("state", ["replaced", "cancelled", "declined"])
    def test_refuses_what_is_over(self, bench, others, state):
        """INV-22"""
        (invitation,) = send(bench)
        bench.rows("UPDATE invitations SET state = :state, ended_at = sent_at", state=state)
        with pytest.raises(InvitationIsOver):
            accept(bench, others, invitation)
        assert others.admitted == {}

    @pytest.mark.parametrize(
        ("age", "is_over"), [(timedelta(days=14, seconds=-60), False), (timedelta(days=14, seconds=1), True)]
    )
    def test_is_open_for_14_days(self, bench, others, age, is_over):
        """INV-06"""
        (invitation,) = send(bench)
        bench.move_clock(age)
        if is_over:
            with pytest.raises(InvitationIsOver):
                accept(bench, others, invitation)
        else:
            assert accept(bench, others, invitation)["state"] == "accepted"

    @pytest.mark.parametrize("refusal", [StructureIsNotActive(), OrganizationNotFound(), Forbidden()])
    def test_ends_refused_with_the_reason(self, bench, others, refusal):
        """INV-26"""
        (invitation,) = send(bench)
        others.refusal = refusal
        with pytest.raises(type(refusal)):
            accept(bench, others, invitation)
        stored = row(bench, invitation)
        assert (stored.state, stored.refusal) == ("refused", type(refusal).__name__)
        assert bench.announced(ACCEPTED) == []

    def test_tells_the_same_account_the_reason_again(self, bench, others):
        (invitation,) = send(bench)
        others.refusal = StructureIsNotActive()
        for _ in range(2):
            with pytest.raises(StructureIsNotActive):
                accept(bench, others, invitation)
        assert others.asked.count("organizations.admit_member") == 1

    @pytest.mark.parametrize("failure", [BusIsDown(), CallTimedOut(), CallFailed(""), SubjectIsNotValid(), CallerIsNotDeclared()])
    def test_stays_on_its_way_when_organizations_says_nothing_about_it(self, bench, others, failure):
        (invitation,) = send(bench)
        others.refusal = failure
        with pytest.raises(type(failure)):
            accept(bench, others, invitation)
        assert (row(bench, invitation).state, row(bench, invitation).account_id) == ("accepting", AMELIE)

    def test_goes_on_when_the_same_account_asks_again(self, bench, others):
        (invitation,) = send(bench)
        others.refusal = BusIsDown()
        with pytest.raises(BusIsDown):
            accept(bench, others, invitation)
        others.refusal = None
        assert accept(bench, others, invitation)["state"] == "accepted"

    def test_is_not_replaced_while_on_its_way(self, bench, others):
        (invitation,) = send(bench)
        others.refusal = BusIsDown()
        with pytest.raises(BusIsDown):
            accept(bench, others, invitation)
        send(bench, organization_id=invitation["organization_id"])
        assert row(bench, invitation).state == "accepting"


class TestResumeAcceptances:
    """Whatever fails between the steps: forwards only."""

    def leave(self, bench, others, invitation, **failure):
        vars(others).update(failure)
        with pytest.raises(Killed):
            accept(bench, others, invitation)
        others.refusal = others.loss = None

    @pytest.mark.parametrize("failure", [{"refusal": Killed()}, {"loss": Killed()}])
    def test_ends_what_a_kill_left(self, bench, others, failure):
        """I1: killed before the admission, or after it; admitted once, announced once."""
        (invitation,) = send(bench)
        self.leave(bench, others, invitation, **failure)
        assert row(bench, invitation).state == "accepting"

        bench.move_clock(timedelta(seconds=11))
        resume(bench, others)
        resume(bench, others)

        assert row(bench, invitation).state == "accepted"
        assert others.admitted == {invitation["invitation_id"]: AMELIE}
        assert len(bench.announced(ACCEPTED)) == 1

    def test_ends_what_a_kill_left_after_the_expiry(self, bench, others):
        (invitation,) = send(bench)
        self.leave(bench, others, invitation, refusal=Killed())
        bench.move_clock(timedelta(days=20))
        resume(bench, others)
        assert row(bench, invitation).state == "accepted"

    def test_waits_for_who_may_still_be_at_it(self, bench, others):
        (invitation,) = send(bench)
        self.leave(bench, others, invitation, refusal=Killed())
        resume(bench, others)
        assert row(bench, invitation).state == "accepting" and others.admitted == {}

    def test_keeps_the_reason_of_a_refusal(self, bench, others):
        (invitation,) = send(bench)
        self.leave(bench, others, invitation, refusal=Killed())
        bench.move_clock(timedelta(seconds=11))
        others.refusal = StructureIsNotActive()
        resume(bench, others)
        assert (row(bench, invitation).state, row(bench, invitation).refusal) == ("refused", "StructureIsNotActive")

    def test_tries_again_at_the_next_turn(self, bench, others):
        (invitation,) = send(bench)
        self.leave(bench, others, invitation, refusal=Killed())
        bench.move_clock(timedelta(seconds=11))
        for others.refusal in (BusIsDown(), CallFailed(""), None):
            assert row(bench, invitation).state == "accepting"
            resume(bench, others)
        assert row(bench, invitation).state == "accepted"

    def test_does_not_let_one_keep_the_others_waiting(self, bench):
        people = {email: uuid4() for email in ("a@jardins.example", "b@jardins.example", "c@jardins.example")}
        others = Others(*(contact(account_id, email) for email, account_id in people.items()))
        invitations = [send(bench, [line(email)])[0] for email in people]
        for invitation in invitations:
            others.refusal = Killed()
            with pytest.raises(Killed):
                accept(bench, others, invitation, employer(people[invitation["email"]]))
        bench.move_clock(timedelta(seconds=11))

        class Stubborn(Others):
            def as_service(self, method, **request):
                if request["account_id"] == people["a@jardins.example"]:
                    raise CallTimedOut()
                return super().__call__(method, **request)

        resume(bench, Stubborn())

        assert [row(bench, one).state for one in invitations] == ["accepting", "accepted", "accepted"]


def test_the_fake_has_what_the_chassis_gives():
    """Or these tests would prove nothing about `self.call`."""
    assert {"__call__", "as_service"} <= set(vars(Calling))
