"""Rules of invitations, without any database."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.addresses import email_key
from contracts.errors import Invalid
from contracts.invitations import (
    AccountIsOfAnotherKind,
    AddressIsRepeated,
    InvitationIsForSomeoneElse,
    InvitationIsOver,
    OnlyAdministratorsInviteAdministrators,
    TooManyPendingInvitations,
)
from contracts.organizations import GraceIsOver, StructureIsNotActive
from contracts.vocabulary import AccountKind, InvitationState, Role
from services.invitations import domain

NOW = datetime(2030, 3, 1, 12, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
EMPLOYER, PRESCRIBER = AccountKind.EMPLOYER, AccountKind.PRESCRIBER


class TestMove:
    @pytest.mark.parametrize(
        ("state", "act", "expected"),
        [
            ("pending", "accept", "accepting"),
            ("pending", "replace", "replaced"),
            ("accepting", "admit", "accepted"),
            ("accepting", "refuse", "refused"),
        ],
    )
    def test_leads_to(self, state, act, expected):
        assert domain.move(InvitationState(state), act) == expected

    @pytest.mark.parametrize("state", [state for state in InvitationState if state is not InvitationState.PENDING])
    @pytest.mark.parametrize("act", ["accept", "replace"])
    def test_accepts_and_replaces_pending_ones_only(self, state, act):
        with pytest.raises(InvitationIsOver):
            domain.move(state, act)

    def test_lets_an_admission_win_whatever_another_attempt_was_told(self):
        assert domain.move(InvitationState.REFUSED, "admit") == "accepted"
        assert domain.move(InvitationState.ACCEPTED, "refuse") == "accepted"

    @pytest.mark.parametrize("act", ["admit", "refuse"])
    def test_never_ends_what_was_not_begun(self, act):
        with pytest.raises(InvitationIsOver):
            domain.move(InvitationState.PENDING, act)

    def test_never_comes_back_to_pending(self):
        assert InvitationState.PENDING not in domain.MOVES.values()

    def test_never_stores_that_time_went_by(self):
        assert InvitationState.EXPIRED not in domain.MOVES.values()


class TestStateAt:
    """INV-06: 14 days from sending, by the instant."""

    @pytest.mark.parametrize(
        ("age", "expected"),
        [(timedelta(), "pending"), (timedelta(days=14) - MOMENT, "pending"), (timedelta(days=14), "expired")],
    )
    def test_expires_after_14_days(self, age, expected):
        assert domain.state_at(InvitationState.PENDING, NOW - age + domain.LIFETIME, NOW) == expected

    @pytest.mark.parametrize("state", [state for state in InvitationState if state is not InvitationState.PENDING])
    def test_leaves_other_states_as_they_are(self, state):
        assert domain.state_at(state, NOW - timedelta(days=1), NOW) is state


class TestCheckIsUnderWay:
    @pytest.mark.parametrize("state", ["pending", "accepting"])
    def test_passes_until_the_answer_had_its_effect(self, state):
        domain.check_is_under_way(InvitationState(state))

    @pytest.mark.parametrize("state", ["accepted", "expired", "cancelled", "declined", "replaced", "refused"])
    def test_refuses_what_is_over(self, state):
        with pytest.raises(InvitationIsOver):
            domain.check_is_under_way(InvitationState(state))


class TestCheckLetsIn:
    """The answer to an acceptance may be lost: who was let in is, once more."""

    def lets_in(self, state, ended_at=None):
        domain.check_lets_in(InvitationState(state), ended_at=ended_at, now=NOW)

    @pytest.mark.parametrize("state", ["pending", "accepting"])
    def test_passes_until_the_answer_had_its_effect(self, state):
        self.lets_in(state)

    def test_passes_for_a_day_afterwards(self):
        self.lets_in("accepted", NOW - timedelta(hours=24) + MOMENT)
        with pytest.raises(InvitationIsOver):
            self.lets_in("accepted", NOW - timedelta(hours=24))

    @pytest.mark.parametrize("state", ["expired", "cancelled", "declined", "replaced", "refused"])
    def test_refuses_what_ended_otherwise(self, state):
        with pytest.raises(InvitationIsOver):
            self.lets_in(state, NOW)


class TestCheckMembersGetIn:
    """F-38"""

    def test_passes_until_the_grace_is_over(self):
        domain.check_members_get_in(is_open=True, is_staff=False)

    def test_refuses_afterwards_all_but_staff(self):
        with pytest.raises(GraceIsOver):
            domain.check_members_get_in(is_open=False, is_staff=False)
        domain.check_members_get_in(is_open=False, is_staff=True)


class TestCheckCanBeJoined:
    """INV-10, INV-26"""

    def test_passes_active_structures_only(self):
        domain.check_can_be_joined(is_active=True)
        with pytest.raises(StructureIsNotActive):
            domain.check_can_be_joined(is_active=False)


class TestCheckBatchSize:
    """INV-03: 1 to 30 lines."""

    @pytest.mark.parametrize("count", [1, 30])
    def test_passes_1_to_30(self, count):
        domain.check_batch_size(count)

    @pytest.mark.parametrize("count", [0, 31])
    def test_refuses_none_and_more(self, count):
        with pytest.raises(Invalid) as refused:
            domain.check_batch_size(count)
        assert refused.value.facts["errors"][0]["pointer"] == "/invitees"


class TestCheckAddressesDiffer:
    """INV-03: two equal addresses in one batch."""

    def test_passes_different_addresses(self):
        domain.check_addresses_differ(["a@a.example", "b@a.example"])

    def test_refuses_at_the_later_lines(self):
        with pytest.raises(AddressIsRepeated) as refused:
            domain.check_addresses_differ(["a@a.example", "b@a.example", "a@a.example", "a@a.example"])
        pointers = [error["pointer"] for error in refused.value.facts["errors"]]
        assert pointers == ["/invitees/2/email", "/invitees/3/email"]

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Amelie@Jardins.example", "amelie@jardins.example"),
            (" amelie@jardins.example", "amelie@jardins.example "),
            ("STRASSE@jardins.example", "straße@jardins.example"),
            ("ﬁlou@jardins.example", "filou@jardins.example"),
        ],
    )
    def test_sees_through_spelling(self, one, other):
        with pytest.raises(AddressIsRepeated):
            domain.check_addresses_differ([email_key(one), email_key(other)])


class TestCheckThereIsRoom:
    """INV-42: 50 pending per organization."""

    @pytest.mark.parametrize(("added", "pending"), [(1, 49), (30, 20)])
    def test_passes_50_in_all(self, added, pending):
        domain.check_there_is_room(added, pending_count=pending)

    @pytest.mark.parametrize(("added", "pending"), [(1, 50), (30, 21)])
    def test_refuses_more(self, added, pending):
        with pytest.raises(TooManyPendingInvitations) as refused:
            domain.check_there_is_room(added, pending_count=pending)
        assert refused.value.facts == {"most": 50, "pending_count": pending}


class TestCheckRolesMayBeGiven:
    """F-13; O-07: nobody gives a role above their own."""

    @pytest.mark.parametrize(("sender", "roles"), [("member", ["member"]), ("administrator", ["member", "administrator"])])
    def test_passes_roles_up_to_ones_own(self, sender, roles):
        domain.check_roles_may_be_given([Role(role) for role in roles], sender_role=Role(sender))

    def test_refuses_an_administrator_from_a_member(self):
        with pytest.raises(OnlyAdministratorsInviteAdministrators):
            domain.check_roles_may_be_given([Role.MEMBER, Role.ADMINISTRATOR], sender_role=Role.MEMBER)


class TestCheckIsInvited:
    """INV-24"""

    def test_passes_the_invited_address(self):
        domain.check_is_invited(email_key("Amelie@jardins.example"), invited_key=email_key("amelie@JARDINS.example"))

    def test_refuses_any_other(self):
        with pytest.raises(InvitationIsForSomeoneElse):
            domain.check_is_invited("amelie+2@jardins.example", invited_key="amelie@jardins.example")


class TestCheckKind:
    """F-52, G-07: one kind per address, until one setting relaxes it."""

    def test_passes_the_kind_that_the_organization_takes(self):
        domain.check_kind(EMPLOYER, wanted=EMPLOYER, one_kind_per_email=True)

    @pytest.mark.parametrize("kind", [kind for kind in AccountKind if kind is not EMPLOYER])
    def test_refuses_any_other(self, kind):
        with pytest.raises(AccountIsOfAnotherKind) as refused:
            domain.check_kind(kind, wanted=EMPLOYER, one_kind_per_email=True)
        assert refused.value.facts == {"wanted": "employer"}

    def test_passes_the_other_professional_kind_where_one_account_may_hold_both(self):
        domain.check_kind(PRESCRIBER, wanted=EMPLOYER, one_kind_per_email=False)
        domain.check_kind(EMPLOYER, wanted=PRESCRIBER, one_kind_per_email=False)

    @pytest.mark.parametrize("kind", [kind for kind in AccountKind if kind not in (EMPLOYER, PRESCRIBER)])
    def test_refuses_who_is_no_professional_even_then(self, kind):
        with pytest.raises(AccountIsOfAnotherKind):
            domain.check_kind(kind, wanted=EMPLOYER, one_kind_per_email=False)
