"""Rules of structures, as sentences."""

from datetime import UTC, date, datetime, timedelta

import pytest

from contracts.vocabulary import AnnexState, OrganizationSource, Role, StructureKind
from services.organizations import domain
from services.organizations.domain import Status

TODAY = date(2026, 12, 31)
NOW = datetime(2026, 12, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class TestIsAnnexActive:
    """ORG-72, ORG-73, chapter 11.2."""

    @pytest.mark.parametrize(
        ("state", "active"),
        [
            ("VALIDE", True),
            ("PROVISOIRE", True),
            ("HISTORISE", False),
            ("ANNULE", False),
            ("SAISI", False),
            ("BROUILLON", False),
            ("CLOTURE", False),
            ("REJETE", False),
        ],
    )
    def test_asks_the_state(self, state, active):
        assert domain.is_annex_active(AnnexState(state), TODAY + DAY, today=TODAY) is active

    def test_includes_the_last_day(self):
        assert domain.is_annex_active(AnnexState.VALIDE, TODAY, today=TODAY)

    def test_ends_the_day_after(self):
        assert not domain.is_annex_active(AnnexState.VALIDE, TODAY - DAY, today=TODAY)


class TestIsConventionActive:
    def test_needs_one_active_annex(self):
        annexes = [(AnnexState.HISTORISE, TODAY + DAY), (AnnexState.VALIDE, TODAY)]

        assert domain.is_convention_active(annexes, today=TODAY)

    def test_is_false_without_any(self):
        assert not domain.is_convention_active([], today=TODAY)
        assert not domain.is_convention_active([(AnnexState.VALIDE, TODAY - DAY)], today=TODAY)


def status(kind=StructureKind.EI, source=OrganizationSource.ASP, convention_is_active=False, deactivated_on=TODAY):
    return domain.status(
        kind=kind, source=source, convention_is_active=convention_is_active, deactivated_on=deactivated_on, today=TODAY
    )


class TestStatus:
    """F-26, F-38, ORG-05, ORG-75."""

    def test_is_active_with_an_active_convention(self):
        assert status(convention_is_active=True, deactivated_on=None) == Status.ACTIVE

    @pytest.mark.parametrize("kind", ["GEIQ", "EA", "EATT"])
    def test_is_active_where_there_are_no_conventions(self, kind):
        assert status(kind=StructureKind(kind), convention_is_active=None, deactivated_on=None) == Status.ACTIVE

    def test_is_active_when_staff_created_it(self):
        made = status(source=OrganizationSource.STAFF_CREATED, convention_is_active=None, deactivated_on=None)

        assert made == Status.ACTIVE

    @pytest.mark.parametrize("days", [0, 1, 29, 30])
    def test_is_in_grace_for_thirty_days(self, days):
        assert status(deactivated_on=TODAY - days * DAY) == Status.IN_GRACE

    def test_has_ended_on_the_thirty_first(self):
        assert status(deactivated_on=TODAY - 31 * DAY) == Status.ENDED

    def test_has_ended_without_convention(self):
        assert status(convention_is_active=None, deactivated_on=None) == Status.ENDED


class TestRoleOnJoining:
    """F-20, MEM-02."""

    def test_makes_the_first_member_administrator(self):
        assert domain.role_on_joining(Role.MEMBER, has_members=False) == Role.ADMINISTRATOR

    def test_gives_what_was_asked_for_afterwards(self):
        assert domain.role_on_joining(Role.MEMBER, has_members=True) == Role.MEMBER
        assert domain.role_on_joining(Role.ADMINISTRATOR, has_members=True) == Role.ADMINISTRATOR


class TestMagicLink:
    """ACC-25."""

    def is_open(self, **changed):
        facts = {"expires_at": NOW + DAY, "closed_at": None, "now": NOW, **changed}
        return domain.is_link_open(**facts)

    def test_opens_for_fourteen_days(self):
        assert domain.MAGIC_LINK_LIFETIME == 14 * DAY
        assert self.is_open()
        assert not self.is_open(expires_at=NOW)

    def test_opens_until_somebody_joins(self):
        assert not self.is_open(closed_at=NOW - DAY)

    def test_can_be_claimed_while_the_address_may_be_confirmed(self):
        assert domain.is_claim_in_time(expires_at=NOW - 2 * DAY, closed_at=None, now=NOW)
        assert not domain.is_claim_in_time(expires_at=NOW - 3 * DAY, closed_at=None, now=NOW)
        assert not domain.is_claim_in_time(expires_at=NOW + DAY, closed_at=NOW, now=NOW)


class TestMaskedEmail:
    """ACC-24."""

    @pytest.mark.parametrize(
        ("address", "masked"),
        [
            ("correspondant@asso.example", "c***********t@asso.example"),
            ("abc@asso.example", "a*c@asso.example"),
            ("ab@asso.example", "a*@asso.example"),
            ("a@asso.example", "*@asso.example"),
        ],
    )
    def test_shows_first_and_last_character(self, address, masked):
        assert domain.masked_email(address) == masked


class TestNumberRange:
    def test_of_a_siren_holds_all_its_establishments(self):
        assert domain.number_range("123456789") == ("12345678900000", "12345678999999")

    def test_of_a_siret_holds_it_alone(self):
        assert domain.number_range("12345678900011") == ("12345678900011", "12345678900011")


class TestDisplayName:
    def test_prefers_the_brand(self):
        assert domain.display_name("ASSOCIATION X", "Les Jardins") == "Les Jardins"
        assert domain.display_name("ASSOCIATION X", "") == "ASSOCIATION X"
