"""What invitations does, on a real database, with what it announces."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from chassis.testing.subjects import VISITOR, employer, service, staff
from chassis.tokens import token_hash
from contracts.errors import Forbidden, Invalid, Unauthenticated
from contracts.invitations import (
    AddressIsRepeated,
    InvitationIsOver,
    OnlyAdministratorsInviteAdministrators,
    TooManyPendingInvitations,
)
from contracts.links import LinkIsOver, LinkIsUnknown
from contracts.organizations import GraceIsOver, OrganizationNotFound, StructureIsNotActive
from contracts.vocabulary import AccountKind, LinkPurpose, Role
from services.invitations import actions
from tests.factories.invitations import EMAIL, NAME, PUBLIC_URL, TOKEN_KEY, line, lines, row, send, standing, token_of

NOTIFICATIONS = service("notifications")
SENT, ACCEPTED = "invitations.invitation_sent", "invitations.invitation_accepted"


def count(bench):
    return bench.rows("SELECT count(*) FROM invitations")[0][0]


def states(bench):
    return [row.state for row in bench.rows("SELECT state FROM invitations ORDER BY sent_at, invitation_id")]


def list_as(bench, subject=None, **about):
    where = standing(**about)
    request = {"organization_id": where["organization_id"], "standing": where}
    return bench.act(actions.list_invitations, subject or employer(uuid4()), **request)["items"]


def mail_link(bench, row_id, *, purpose=LinkPurpose.INVITATION, issue=1, subject=NOTIFICATIONS):
    about = {"purpose": purpose, "row_id": row_id, "issue": issue}
    return bench.act(actions.get_mail_link, subject, **about, token_key=TOKEN_KEY, public_url=PUBLIC_URL)


class TestInvite:
    def test_stores_one_pending_invitation_a_line(self, bench):
        sender, organization_id = uuid4(), uuid4()

        first, second = send(bench, [line(), line("b@jardins.example")], sender=sender, organization_id=organization_id)

        stored = row(bench, first)
        assert (stored.state, stored.email, stored.email_key, stored.role) == ("pending", EMAIL, EMAIL, "member")
        assert (stored.organization_id, stored.sender_account_id) == (organization_id, sender)
        assert second["email"] == "b@jardins.example"

    def test_keeps_what_the_organization_is_called_and_whom_it_takes(self, bench):
        (invitation,) = send(bench, prescribers=True)
        assert (row(bench, invitation).organization_name, row(bench, invitation).account_kind) == (NAME, "prescriber")

    def test_gives_14_days(self, bench):
        (invitation,) = send(bench)
        assert invitation["expires_at"] - invitation["sent_at"] == timedelta(days=14)
        assert abs(invitation["sent_at"] - datetime.now(UTC)) < timedelta(minutes=1)

    def test_announces_each_line(self, bench):
        invitations = send(bench, lines(3))

        facts = bench.announced(SENT)
        assert [fact["invitation_id"] for fact in facts] == [str(one["invitation_id"]) for one in invitations]
        assert {(fact["organization_name"], fact["issue"], fact["first_name"]) for fact in facts} == {(NAME, 1, "Amélie")}

    def test_announces_neither_address_nor_token(self, bench):
        (invitation,) = send(bench)
        assert EMAIL not in str(bench.announced()) and token_of(invitation) not in str(bench.announced())

    def test_stores_the_token_hashed(self, bench):
        (invitation,) = send(bench)
        hashes = bench.rows("SELECT token_hash FROM invitation_links")
        assert [bytes(one.token_hash) for one in hashes] == [token_hash(token_of(invitation))]

    def test_lets_every_member_invite(self, bench):
        """F-13"""
        assert len(send(bench, role=Role.MEMBER)) == 1

    def test_lets_an_administrator_invite_an_administrator(self, bench):
        (invitation,) = send(bench, [line(administrator=True)], role=Role.ADMINISTRATOR)
        assert row(bench, invitation).role == "administrator"

    def test_refuses_an_administrator_invited_by_a_member(self, bench):
        """O-07"""
        with pytest.raises(OnlyAdministratorsInviteAdministrators) as refused:
            send(bench, [line("a@jardins.example"), line(administrator=True)])
        assert isinstance(refused.value, Forbidden)
        assert count(bench) == 0 and bench.announced() == []

    def test_refuses_who_is_no_member(self, bench):
        with pytest.raises(OrganizationNotFound):
            send(bench, role=None)

    def test_refuses_an_inactive_structure(self, bench):
        """INV-10"""
        with pytest.raises(StructureIsNotActive):
            send(bench, active=False)
        assert count(bench) == 0

    def test_is_closed_to_members_when_the_grace_is_over(self, bench):
        """F-38"""
        with pytest.raises(GraceIsOver):
            send(bench, ended=True)
        assert count(bench) == 0

    @pytest.mark.parametrize("number", [0, 31])
    def test_refuses_a_batch_that_is_empty_or_too_long(self, bench, number):
        where = standing()
        request = {"organization_id": where["organization_id"], "invitees": lines(number), "standing": where}
        with pytest.raises(Invalid) as refused:
            bench.act(actions.invite, employer(uuid4()), **request, token_key=TOKEN_KEY)
        assert refused.value.facts["errors"][0]["pointer"] == "/invitees"

    def test_refuses_equal_addresses_at_their_lines(self, bench):
        """INV-03, INV-04"""
        with pytest.raises(AddressIsRepeated) as refused:
            send(bench, [line(), line("b@jardins.example"), line(EMAIL.upper()), line("B@jardins.example")])
        pointers = [error["pointer"] for error in refused.value.facts["errors"]]
        assert pointers == ["/invitees/2/email", "/invitees/3/email"]
        assert count(bench) == 0 and bench.announced() == []

    def test_takes_50_pending_and_no_more(self, bench):
        organization_id = uuid4()
        send(bench, lines(30), organization_id=organization_id)
        send(bench, [line(f"autre{number}@jardins.example") for number in range(20)], organization_id=organization_id)

        with pytest.raises(TooManyPendingInvitations) as refused:
            send(bench, [line("un.de.trop@jardins.example")], organization_id=organization_id)

        assert refused.value.facts == {"most": 50, "pending_count": 50}
        assert count(bench) == 50
        assert len(send(bench, [line("ailleurs@jardins.example")])) == 1  # Another organization has its own count.

    def test_counts_neither_what_it_replaces_nor_what_expired(self, bench):
        organization_id = uuid4()
        send(bench, lines(30), organization_id=organization_id)
        send(bench, [line(f"autre{number}@jardins.example") for number in range(20)], organization_id=organization_id)

        send(bench, lines(30), organization_id=organization_id)
        assert states(bench).count("pending") == 50

        bench.move_clock(timedelta(days=15))
        assert len(send(bench, [line("plus.tard@jardins.example")], organization_id=organization_id)) == 1

    def test_replaces_the_pending_one_to_the_same_address(self, bench):
        """F-14, decision 3"""
        organization_id = uuid4()
        (former,) = send(bench, organization_id=organization_id)

        (later,) = send(bench, [line("Amelie.Dupre@JARDINS.example")], organization_id=organization_id)

        assert (row(bench, former).state, row(bench, later).state) == ("replaced", "pending")
        with pytest.raises(InvitationIsOver):
            bench.act(actions.get_invitation, VISITOR, token=token_of(former))
        assert bench.act(actions.get_invitation, VISITOR, token=token_of(later)).invitation_id == later["invitation_id"]

    def test_replaces_an_expired_one(self, bench):
        organization_id = uuid4()
        send(bench, organization_id=organization_id)
        bench.move_clock(timedelta(days=20))
        send(bench, organization_id=organization_id)
        assert states(bench) == ["replaced", "pending"]

    def test_leaves_other_organizations_invitations_alone(self, bench):
        send(bench)
        send(bench)
        assert states(bench) == ["pending", "pending"]


class TestListInvitations:
    def test_begins_with_the_oldest_pending_one(self, bench):
        """INV-30"""
        organization_id = uuid4()
        emails = ["remplacee@jardins.example", "a@jardins.example", "b@jardins.example", "remplacee@jardins.example"]
        for email in emails:
            send(bench, [line(email)], organization_id=organization_id)

        found = list_as(bench, organization_id=organization_id)

        assert [one["email"] for one in found] == [emails[1], emails[2], emails[3], emails[0]]
        assert [one["state"] for one in found] == ["pending", "pending", "pending", "replaced"]

    def test_shows_that_one_expired(self, bench):
        organization_id = uuid4()
        (invitation,) = send(bench, organization_id=organization_id)
        bench.move_clock(timedelta(days=14))
        assert [one["state"] for one in list_as(bench, organization_id=organization_id)] == ["expired"]
        assert row(bench, invitation).state == "pending"

    def test_is_bounded(self, bench, monkeypatch):
        monkeypatch.setattr("services.invitations.queries.LISTED", 2)
        organization_id = uuid4()
        send(bench, lines(3), organization_id=organization_id)
        assert len(list_as(bench, organization_id=organization_id)) == 2

    def test_holds_nothing_of_other_organizations(self, bench):
        send(bench)
        assert list_as(bench) == []

    def test_refuses_who_is_no_member(self, bench):
        with pytest.raises(OrganizationNotFound):
            list_as(bench, role=None)

    def test_stays_open_in_grace_and_closes_after(self, bench):
        """F-38, chapter 11.7: names and addresses as those of members; staff still sees them."""
        organization_id = uuid4()
        send(bench, organization_id=organization_id)

        assert len(list_as(bench, organization_id=organization_id, active=False)) == 1
        with pytest.raises(GraceIsOver):
            list_as(bench, organization_id=organization_id, ended=True)
        assert len(list_as(bench, staff(uuid4()), organization_id=organization_id, ended=True, role=None)) == 1


class TestGetInvitation:
    def test_shows_what_the_link_leads_to_and_changes_nothing(self, bench):
        """Decision 10"""
        (invitation,) = send(bench)
        before = row(bench, invitation)

        shown = bench.read(actions.get_invitation, VISITOR, token=token_of(invitation))

        assert (shown.organization_name, shown.email, shown.first_name, shown.role) == (NAME, EMAIL, "Amélie", "member")
        assert row(bench, invitation) == before

    def test_answers_guessed_cut_and_foreign_tokens_alike(self, bench):
        """O-06, INV-41"""
        (invitation,) = send(bench)
        (foreign,) = send(bench, key=bytes(32))
        for token in ("deviné", token_of(invitation)[:-1], token_of(invitation, issue=2), token_of(foreign), "\udcff"):
            with pytest.raises(LinkIsUnknown):
                bench.read(actions.get_invitation, VISITOR, token=token)

    def test_tells_that_a_link_was_good_once(self, bench):
        """INV-22"""
        (invitation,) = send(bench)
        bench.move_clock(timedelta(days=14))
        with pytest.raises(InvitationIsOver):
            bench.read(actions.get_invitation, VISITOR, token=token_of(invitation))

    def test_tells_that_a_later_link_was_given_out(self, bench):
        (invitation,) = send(bench)
        bench.rows("UPDATE invitations SET issue = 2")
        with pytest.raises(InvitationIsOver):
            bench.read(actions.get_invitation, VISITOR, token=token_of(invitation))


class TestGetMailLink:
    def test_gives_the_link_and_the_address(self, bench):
        (invitation,) = send(bench)
        assert mail_link(bench, invitation["invitation_id"]) == {
            "url": f"{PUBLIC_URL}/invitation/{token_of(invitation)}",
            "email": EMAIL,
            "expires_at": invitation["expires_at"],
        }

    def test_gives_the_same_link_again(self, bench):
        (invitation,) = send(bench)
        assert mail_link(bench, invitation["invitation_id"]) == mail_link(bench, invitation["invitation_id"])

    @pytest.mark.parametrize("state", ["replaced", "cancelled", "declined"])
    def test_is_gone_when_it_no_longer_waits(self, bench, state):
        """E-06"""
        (invitation,) = send(bench)
        bench.rows("UPDATE invitations SET state = :state, ended_at = sent_at", state=state)
        with pytest.raises(LinkIsOver):
            mail_link(bench, invitation["invitation_id"])

    def test_is_gone_when_it_expired(self, bench):
        (invitation,) = send(bench)
        bench.move_clock(timedelta(days=14))
        with pytest.raises(LinkIsOver):
            mail_link(bench, invitation["invitation_id"])

    def test_is_gone_when_there_is_a_later_one(self, bench):
        (invitation,) = send(bench)
        bench.rows("UPDATE invitations SET issue = 2")
        with pytest.raises(LinkIsOver):
            mail_link(bench, invitation["invitation_id"])

    @pytest.mark.parametrize("about", [{"purpose": LinkPurpose.MAGIC_LINK}, {"issue": 2}, {"issue": 0}])
    def test_is_unknown_for_what_was_never_given_out(self, bench, about):
        (invitation,) = send(bench)
        with pytest.raises(LinkIsUnknown):
            mail_link(bench, invitation["invitation_id"], **about)
        with pytest.raises(LinkIsUnknown):
            mail_link(bench, uuid4(), **about)

    def test_is_for_notifications_only(self, bench):
        (invitation,) = send(bench)
        with pytest.raises(Forbidden):
            mail_link(bench, invitation["invitation_id"], subject=employer(uuid4()))
        with pytest.raises(Unauthenticated):
            mail_link(bench, invitation["invitation_id"], subject=VISITOR)


class TestTables:
    def test_hold_one_pending_invitation_to_an_address(self, bench):
        """I3: the index holds even where no lock would."""
        send(bench)
        columns = [row.column_name for row in bench.rows(COLUMNS)]
        copied = ", ".join("gen_random_uuid()" if name == "invitation_id" else name for name in columns)
        with pytest.raises(Exception, match="uq_invitations_pending"):
            bench.rows(f"INSERT INTO invitations ({', '.join(columns)}) SELECT {copied} FROM invitations")

    def test_know_every_kind_that_may_be_invited(self, bench):
        assert AccountKind(row(bench, send(bench)[0]).account_kind) is AccountKind.EMPLOYER


COLUMNS = "SELECT column_name FROM information_schema.columns WHERE table_name = 'invitations'"
