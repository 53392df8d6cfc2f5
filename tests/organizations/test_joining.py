"""How a structure gets its first member, on a real database."""

from datetime import timedelta
from uuid import uuid4

import pytest

from chassis.ids import new_id
from chassis.testing.subjects import VISITOR, service
from contracts.links import LinkIsOver, LinkIsUnknown
from contracts.organizations import (
    MagicLinkIsOver,
    OrganizationNotFound,
    StructureHasMembers,
    StructureHasNoOfficialAddress,
    StructureIsNotActive,
)
from contracts.vocabulary import LinkPurpose, OrganizationSource, Role, StructureKind
from services.organizations.actions import joining
from tests.factories.organizations import membership, structure

KEY = b"a key of tests"
DAY = timedelta(days=1)
ACCOUNTS, NOTIFICATIONS = service("accounts"), service("notifications")


def request_link(bench, organization):
    return bench.act(joining.request_magic_link, VISITOR, organization_id=organization.organization_id, token_key=KEY)


def requested_link(bench, organization):
    """The event of a request just made."""
    request_link(bench, organization)
    return bench.announced("organizations.magic_link_requested")[-1]


def mail_link(bench, requested, **changed):
    facts = {"row_id": requested["magic_link_id"], "issue": requested["issue"], "purpose": LinkPurpose.MAGIC_LINK, **changed}
    return bench.read(joining.get_mail_link, NOTIFICATIONS, token_key=KEY, public_url="https://emplois.example", **facts)


def token_of(bench, requested):
    return mail_link(bench, requested)["url"].rpartition("/")[2]


def opened(bench, token):
    return bench.read(joining.get_magic_link, VISITOR, token=token)


def claim(bench, requested, account_id=None):
    return bench.act(
        joining.claim_structure, ACCOUNTS, account_id=account_id or uuid4(), magic_link_id=requested["magic_link_id"]
    )


class TestFindStructures:
    """ACC-20 to ACC-23, F-07, F-49 to F-51."""

    def find(self, bench, number):
        found = bench.read(joining.find_structures, VISITOR, company_number=number)
        return [one["siret"] for one in found["joinable"]], found["taken"]

    def test_finds_the_structures_of_a_siren(self, bench):
        structure(bench, siret="12345678900011")
        structure(bench, siret="12345678900029")
        structure(bench, siret="12345678800011")

        assert self.find(bench, "123456789") == (["12345678900011", "12345678900029"], [])

    def test_finds_one_siret_with_all_its_kinds(self, bench):
        structure(bench, siret="12345678900011", kind=StructureKind.ACI)
        structure(bench, siret="12345678900011", kind=StructureKind.EI)
        structure(bench, siret="12345678900029")

        assert self.find(bench, "12345678900011")[0] == ["12345678900011"] * 2

    def test_leaves_out_what_is_not_active(self, bench):
        structure(bench, siret="12345678900011", active=False)
        structure(bench, siret="12345678900029", deactivated=DAY)
        structure(bench, siret="12345678900037", convention=False)

        assert self.find(bench, "123456789") == ([], [])

    def test_knows_active_structures_without_convention(self, bench):
        structure(bench, siret="12345678900011", kind=StructureKind.GEIQ, convention=False)
        structure(bench, siret="12345678900029", source=OrganizationSource.STAFF_CREATED, convention=False)

        assert len(self.find(bench, "123456789")[0]) == 2

    def test_tells_whose_structures_are_taken_and_by_whom(self, bench):
        organization = structure(bench, siret="12345678900011")
        membership(bench, organization, days_ago=9)
        administrator = membership(bench, organization, role=Role.ADMINISTRATOR, days_ago=5)
        membership(bench, organization, role=Role.ADMINISTRATOR, days_ago=2)

        joinable, taken = self.find(bench, "123456789")

        assert joinable == []
        assert taken[0]["contact_account_id"] == administrator.account_id

    def test_offers_a_structure_again_when_all_have_left(self, bench):
        """ACC-22: former members do not count."""
        membership(bench, structure(bench, siret="12345678900011"), ended=True)

        assert self.find(bench, "123456789") == (["12345678900011"], [])

    def test_never_offers_an_antenna(self, bench):
        """Chapter 11.6."""
        mother = structure(bench, siret="12345678900011")
        empty = structure(bench, mother=mother, name="Site nord")
        lived_in = structure(bench, mother=mother, name="Site sud")
        membership(bench, lived_in)

        found = bench.read(joining.find_structures, VISITOR, company_number="12345678900011")

        assert [one["organization_id"] for one in found["joinable"]] == [mother.organization_id]
        assert [one["structure"]["organization_id"] for one in found["taken"]] == [lived_in.organization_id]
        assert str(empty.organization_id) not in str(found)

    def test_shows_the_brand_and_no_private_address(self, bench):
        structure(bench, siret="12345678900011", name="ASSOCIATION X", brand="Les Jardins", auth_email="secret@x.example")

        found = bench.read(joining.find_structures, VISITOR, company_number="123456789")

        assert found["joinable"][0]["name"] == "Les Jardins"
        assert "secret" not in str(found)


class TestRequestMagicLink:
    """ACC-24, F-10."""

    def test_announces_a_link_and_shows_the_address_masked(self, bench):
        organization = structure(bench, auth_email="correspondant@asso.example")

        assert request_link(bench, organization) == {"masked_email": "c***********t@asso.example"}
        (requested,) = bench.announced()
        assert requested["organization_id"] == str(organization.organization_id)
        assert (requested["issue"], requested["siret"], requested["kind"]) == (1, organization.siret, "EI")
        assert "asso.example" not in str(requested)

    def test_counts_a_new_issue_each_time(self, bench):
        organization = structure(bench)

        issues = [requested_link(bench, organization)["issue"] for _ in range(3)]

        assert issues == [1, 2, 3]

    def test_stores_no_token(self, bench):
        token = token_of(bench, requested_link(bench, structure(bench)))

        assert token not in str(bench.rows("SELECT magic_links::text FROM magic_links"))

    def test_refuses_an_unknown_structure(self, bench):
        with pytest.raises(OrganizationNotFound):
            bench.act(joining.request_magic_link, VISITOR, organization_id=uuid4(), token_key=KEY)

    def test_refuses_an_antenna(self, bench):
        with pytest.raises(OrganizationNotFound):
            request_link(bench, structure(bench, mother=structure(bench)))

    def test_refuses_a_structure_with_members(self, bench):
        organization = structure(bench)
        membership(bench, organization)

        with pytest.raises(StructureHasMembers):
            request_link(bench, organization)
        assert bench.announced() == []

    @pytest.mark.parametrize("ago", [DAY, 40 * DAY])
    def test_refuses_a_structure_that_is_not_active(self, bench, ago):
        with pytest.raises(StructureIsNotActive):
            request_link(bench, structure(bench, deactivated=ago))

    def test_refuses_a_structure_without_official_address(self, bench):
        """ORG-06."""
        with pytest.raises(StructureHasNoOfficialAddress):
            request_link(bench, structure(bench, auth_email=None))


class TestGetMailLink:
    def test_gives_the_link_and_the_address_of_the_moment(self, bench):
        """F-10: the latest delivered address."""
        requested = requested_link(bench, structure(bench, auth_email="x@asso.example"))
        bench.rows("UPDATE organizations SET auth_email = 'y@asso.example'")

        link = mail_link(bench, requested)

        assert link["email"] == "y@asso.example"
        assert link["url"].startswith("https://emplois.example/rejoindre/")

    def test_gives_the_same_link_again(self, bench):
        requested = requested_link(bench, structure(bench))

        assert mail_link(bench, requested) == mail_link(bench, requested)

    def test_sends_the_mail_of_a_link_that_another_followed(self, bench):
        """Anybody may have a link sent: that must not stop the one before it."""
        organization = structure(bench)
        first = requested_link(bench, organization)
        requested_link(bench, organization)

        assert opened(bench, token_of(bench, first))

    def test_drops_the_mail_once_somebody_joined(self, bench):
        organization = structure(bench)
        first, second = requested_link(bench, organization), requested_link(bench, organization)
        claim(bench, second)

        with pytest.raises(LinkIsOver):
            mail_link(bench, first)

    def test_drops_the_mail_when_the_address_is_gone(self, bench):
        requested = requested_link(bench, structure(bench))
        bench.rows("UPDATE organizations SET auth_email = NULL")

        with pytest.raises(LinkIsOver):
            mail_link(bench, requested)

    @pytest.mark.parametrize("changed", [{"row_id": uuid4()}, {"issue": 7}, {"purpose": LinkPurpose.INVITATION}])
    def test_refuses_what_it_did_not_make(self, bench, changed):
        requested = requested_link(bench, structure(bench))

        with pytest.raises(LinkIsUnknown):
            mail_link(bench, requested, **changed)


class TestGetMagicLink:
    """ACC-25, chapter 11.10 and 11.12."""

    def test_shows_the_structure_and_changes_nothing(self, bench):
        organization = structure(bench, siret="12345678900011")
        requested = requested_link(bench, organization)
        token = token_of(bench, requested)

        first, second = opened(bench, token), opened(bench, token)

        assert first == second
        assert first["structure"]["siret"] == "12345678900011"
        assert (str(first["magic_link_id"]), first["issue"]) == (requested["magic_link_id"], 1)

    @pytest.mark.parametrize("spoil", [lambda token: token[:-1], lambda token: "x" * len(token), lambda token: "\ud800é"])
    def test_does_not_know_a_cut_or_guessed_token(self, bench, spoil):
        token = token_of(bench, requested_link(bench, structure(bench)))

        with pytest.raises(LinkIsUnknown):
            opened(bench, spoil(token))

    def test_is_over_after_fourteen_days(self, bench):
        token = token_of(bench, requested_link(bench, structure(bench)))

        bench.move_clock(14 * DAY - timedelta(minutes=1))
        assert opened(bench, token)
        bench.move_clock(14 * DAY + timedelta(minutes=1))
        with pytest.raises(MagicLinkIsOver):
            opened(bench, token)

    def test_stays_open_when_another_is_sent(self, bench):
        """Anybody may have a link sent, also to shut out whoever was sent one before."""
        organization = structure(bench)
        tokens = [token_of(bench, requested_link(bench, organization)) for _ in range(3)]

        assert [opened(bench, token)["issue"] for token in tokens] == [1, 2, 3]

    def test_is_over_when_somebody_joined_by_another(self, bench):
        organization = structure(bench)
        first, second = requested_link(bench, organization), requested_link(bench, organization)
        token = token_of(bench, first)
        claim(bench, second)

        with pytest.raises(MagicLinkIsOver):
            opened(bench, token)

    def test_is_over_when_used(self, bench):
        requested = requested_link(bench, structure(bench))
        token = token_of(bench, requested)
        claim(bench, requested)

        with pytest.raises(MagicLinkIsOver):
            opened(bench, token)

    def test_is_over_when_the_structure_is_not_active_any_more(self, bench):
        token = token_of(bench, requested_link(bench, structure(bench)))
        bench.rows("UPDATE conventions SET is_active = false, deactivated_at = clock_timestamp()")

        with pytest.raises(MagicLinkIsOver):
            opened(bench, token)


class TestClaimStructure:
    """F-20, ACC-26."""

    def test_makes_the_claimant_administrator(self, bench):
        organization, account_id = structure(bench), uuid4()
        requested = requested_link(bench, organization)

        member = claim(bench, requested, account_id)

        assert (member.account_id, member.role) == (account_id, Role.ADMINISTRATOR)
        assert bench.announced("organizations.member_admitted") == [
            {
                "organization_id": str(organization.organization_id),
                "account_id": str(account_id),
                "role": "administrator",
                "invitation_id": None,
            }
        ]

    def test_answers_the_same_account_again_without_doing_more(self, bench):
        account_id, requested = uuid4(), requested_link(bench, structure(bench))

        first, second = claim(bench, requested, account_id), claim(bench, requested, account_id)

        assert first.membership_id == second.membership_id
        assert len(bench.announced("organizations.member_admitted")) == 1

    def test_tells_a_later_claimant_to_ask_for_an_invitation(self, bench):
        requested = requested_link(bench, structure(bench))
        claim(bench, requested)

        with pytest.raises(StructureHasMembers):
            claim(bench, requested)

    def test_does_not_take_a_used_link_again_once_all_have_left(self, bench):
        requested = requested_link(bench, structure(bench))
        claim(bench, requested)
        bench.rows("UPDATE memberships SET ended_at = clock_timestamp()")

        with pytest.raises(MagicLinkIsOver):
            claim(bench, requested)

    def test_admits_who_signed_up_before_a_newer_link_was_sent(self, bench):
        """Anybody may have a link sent: that must not shut out who is confirming an address."""
        organization = structure(bench)
        first = requested_link(bench, organization)
        requested_link(bench, organization)

        assert claim(bench, first).role == Role.ADMINISTRATOR

    def test_is_over_when_the_address_was_confirmed_too_late(self, bench):
        requested = requested_link(bench, structure(bench))

        bench.move_clock(17 * DAY + timedelta(minutes=1))

        with pytest.raises(MagicLinkIsOver):
            claim(bench, requested)

    def test_refuses_a_structure_that_is_not_active_any_more(self, bench):
        requested = requested_link(bench, structure(bench))
        bench.rows("UPDATE conventions SET is_active = false, deactivated_at = clock_timestamp()")

        with pytest.raises(StructureIsNotActive):
            claim(bench, requested)
        assert bench.rows("SELECT FROM memberships") == []

    def test_does_not_know_other_links(self, bench):
        with pytest.raises(LinkIsUnknown):
            claim(bench, {"magic_link_id": new_id()})
