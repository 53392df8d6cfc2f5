"""Who acts for which structure, on a real database."""

from datetime import timedelta
from uuid import uuid4

import pytest

from chassis.testing.subjects import employer, prescriber, service, staff
from contracts.errors import Forbidden, Invalid
from contracts.organizations import GraceIsOver, OrganizationNotFound, StructureIsNotActive
from contracts.vocabulary import Role, StructureKind
from services.organizations.actions import members
from tests.factories.organizations import membership, structure

DAY = timedelta(days=1)
INVITATIONS = service("invitations")


def admit(bench, organization, *, account_id=None, role=Role.MEMBER, invitation_id=None):
    return bench.act(
        members.admit_member,
        INVITATIONS,
        organization_id=organization.organization_id,
        account_id=account_id or uuid4(),
        role=role,
        invitation_id=invitation_id or uuid4(),
    )


def standing(bench, subject, organization_id):
    return bench.read(members.get_standing, subject, organization_id=organization_id)


class TestGetStanding:
    def test_tells_what_the_person_is_there(self, bench):
        organization = structure(bench, name="ASSOCIATION X", kind=StructureKind.ACI)
        member = membership(bench, organization, role=Role.ADMINISTRATOR)

        assert standing(bench, employer(member.account_id), organization.organization_id) == {
            "organization_id": organization.organization_id,
            "display_name": "ASSOCIATION X",
            "kind": "ACI",
            "account_kind": "employer",
            "is_active": True,
            "is_open": True,
            "role": Role.ADMINISTRATOR,
        }

    def test_tells_staff_and_invitations_without_a_role(self, bench):
        organization = structure(bench)

        for subject in (staff(uuid4()), INVITATIONS):
            assert standing(bench, subject, organization.organization_id)["role"] is None

    def test_tells_outsiders_nothing(self, bench):
        """X-01: not even that the structure exists."""
        organization = structure(bench)
        former = membership(bench, organization, ended=True)

        for subject in (employer(uuid4()), employer(former.account_id), prescriber(uuid4())):
            with pytest.raises(OrganizationNotFound):
                standing(bench, subject, organization.organization_id)

    @pytest.mark.parametrize(("ago", "is_open"), [(DAY, True), (29 * DAY, True), (40 * DAY, False)])
    def test_tells_that_a_structure_may_not_act_and_whether_its_members_get_in(self, bench, ago, is_open):
        told = standing(bench, INVITATIONS, structure(bench, deactivated=ago).organization_id)

        assert (told["is_active"], told["is_open"]) == (False, is_open)

    def test_follows_the_mother_of_an_antenna(self, bench):
        """ORG-27."""
        antenna = structure(bench, mother=structure(bench, deactivated=DAY))

        assert standing(bench, INVITATIONS, antenna.organization_id)["is_active"] is False

    def test_does_not_know_other_ids(self, bench):
        for subject in (INVITATIONS, staff(uuid4()), employer(uuid4())):
            with pytest.raises(OrganizationNotFound):
                standing(bench, subject, uuid4())


class TestAdmitMember:
    """Architecture 3, MEM-02, MEM-13."""

    def test_admits_with_the_role_invited_to(self, bench):
        organization, account_id, invitation_id = structure(bench), uuid4(), uuid4()
        membership(bench, organization, role=Role.ADMINISTRATOR)

        member = admit(bench, organization, account_id=account_id, invitation_id=invitation_id)

        assert (member.role, member.invitation_id) == (Role.MEMBER, invitation_id)
        assert bench.announced() == [
            {
                "organization_id": str(organization.organization_id),
                "account_id": str(account_id),
                "role": "member",
                "invitation_id": str(invitation_id),
            }
        ]

    def test_makes_the_first_member_administrator(self, bench):
        organization = structure(bench)
        membership(bench, organization, ended=True)

        assert admit(bench, organization).role == Role.ADMINISTRATOR

    def test_admits_once_by_invitation(self, bench):
        organization, facts = structure(bench), {"account_id": uuid4(), "invitation_id": uuid4()}

        first, second = admit(bench, organization, **facts), admit(bench, organization, **facts)

        assert first.membership_id == second.membership_id
        assert len(bench.announced()) == 1

    def test_admits_nobody_again_by_an_invitation_whose_membership_has_ended(self, bench):
        organization, facts = structure(bench), {"account_id": uuid4(), "invitation_id": uuid4()}
        admit(bench, organization, **facts)
        bench.rows("UPDATE memberships SET ended_at = clock_timestamp() + interval '1 s'")

        assert admit(bench, organization, **facts).ended_at is not None
        assert bench.rows("SELECT FROM memberships WHERE ended_at IS NULL") == []

    def test_refuses_an_invitation_that_admitted_somebody_else(self, bench):
        organization, invitation_id = structure(bench), uuid4()
        admit(bench, organization, invitation_id=invitation_id)

        with pytest.raises(Forbidden):
            admit(bench, organization, invitation_id=invitation_id)
        with pytest.raises(Forbidden):
            admit(bench, structure(bench), invitation_id=invitation_id)

    def test_leaves_a_present_member_as_they_are(self, bench):
        organization = structure(bench)
        present = membership(bench, organization)

        assert admit(bench, organization, account_id=present.account_id, role=Role.ADMINISTRATOR).role == Role.MEMBER
        assert bench.announced() == []

    def test_takes_a_former_member_back_anew(self, bench):
        organization = structure(bench)
        membership(bench, organization, role=Role.ADMINISTRATOR)
        former = membership(bench, organization, role=Role.ADMINISTRATOR, ended=True)

        back = admit(bench, organization, account_id=former.account_id)

        assert (back.role, back.ended_at) == (Role.MEMBER, None)
        assert back.membership_id != former.membership_id

    def test_closes_the_magic_links(self, bench):
        organization = structure(bench)
        bench.rows(
            "INSERT INTO magic_links (magic_link_id, organization_id, issue, token_hash, created_at, expires_at)"
            " VALUES (gen_random_uuid(), :id, 1, '', clock_timestamp(), clock_timestamp())",
            id=organization.organization_id,
        )

        admit(bench, organization)

        assert bench.rows("SELECT FROM magic_links WHERE closed_at IS NULL") == []

    @pytest.mark.parametrize("ago", [DAY, 40 * DAY])
    def test_refuses_a_structure_that_is_not_active(self, bench, ago):
        """Chapter 11.7: no admission in grace."""
        with pytest.raises(StructureIsNotActive):
            admit(bench, structure(bench, deactivated=ago))

    def test_does_not_know_other_ids(self, bench):
        with pytest.raises(OrganizationNotFound):
            bench.act(
                members.admit_member,
                INVITATIONS,
                organization_id=uuid4(),
                account_id=uuid4(),
                role=Role.MEMBER,
                invitation_id=uuid4(),
            )


class TestListMembers:
    """MEM-17."""

    def page(self, bench, organization, subject, cursor=None):
        found = bench.read(members.list_members, subject, organization_id=organization.organization_id, cursor=cursor)
        return [one.account_id for one in found["items"]], found["next_cursor"]

    def test_lists_present_members_in_the_order_of_joining(self, bench):
        organization = structure(bench)
        first, _, third = (
            membership(bench, organization),
            membership(bench, organization, ended=True),
            membership(bench, organization),
        )
        membership(bench, structure(bench))

        assert self.page(bench, organization, employer(first.account_id)) == ([first.account_id, third.account_id], None)

    def test_turns_pages_of_fifty(self, bench):
        organization = structure(bench)
        everybody = [membership(bench, organization).account_id for _ in range(101)]
        subject, cursor, pages = employer(everybody[0]), None, []

        for _ in range(3):
            accounts, cursor = self.page(bench, organization, subject, cursor)
            pages.append(accounts)

        assert [len(page) for page in pages] == [50, 50, 1]
        assert [account for page in pages for account in page] == everybody
        assert cursor is None

    def test_refuses_a_cursor_it_did_not_give(self, bench):
        organization = structure(bench)
        member = membership(bench, organization)

        with pytest.raises(Invalid):
            self.page(bench, organization, employer(member.account_id), "page2")

    def test_stays_open_in_grace_and_closes_after(self, bench):
        """F-38, chapter 11.7."""
        in_grace, ended = structure(bench, deactivated=29 * DAY), structure(bench, deactivated=32 * DAY)

        assert self.page(bench, in_grace, employer(membership(bench, in_grace).account_id))[0]
        with pytest.raises(GraceIsOver):
            self.page(bench, ended, employer(membership(bench, ended).account_id))
        assert self.page(bench, ended, staff(uuid4()))[0]


class TestListMyOrganizations:
    """F-48, F-49."""

    def test_lists_where_the_person_acts_and_how(self, bench):
        account_id = uuid4()
        first, second = structure(bench), structure(bench, deactivated=DAY)
        membership(bench, first, account_id=account_id, role=Role.ADMINISTRATOR)
        membership(bench, second, account_id=account_id)
        membership(bench, structure(bench), account_id=account_id, ended=True)

        mine = bench.read(members.list_my_organizations, employer(account_id))["items"]

        assert [(one["structure"]["public_id"], one["role"], one["is_active"]) for one in mine] == [
            (first.public_id, Role.ADMINISTRATOR, True),
            (second.public_id, Role.MEMBER, False),
        ]
