"""What a delivery changes: rules ASP-31 to ASP-38 and ASP-44, on a real database."""

from datetime import UTC, date, datetime, timedelta

import pytest

from chassis.clock import paris_date
from contracts.vocabulary import AnnexState, OrganizationSource, StructureKind
from services.organizations import domain
from tests.factories.organizations import annex_number, incoming_annex, incoming_structure, structure
from tests.organizations.delivering import PAST, deliver, done, every_kind, live

DAY = timedelta(days=1)
EI, ACI = StructureKind.EI, StructureKind.ACI


def tables(bench):
    """All that a delivery may change."""
    return [live(bench, table) for table in ("organizations", "conventions", "annexes")]


class TestNewStructures:
    """ASP-35, ASP-36, ASP-38."""

    def test_are_created_with_their_convention(self, bench):
        one = incoming_structure(name="LES JARDINS", department="2A", post_code="20000")
        deliver(bench, [one], [incoming_annex(one, kind=StructureKind.ACI)])

        (made,), (convention,), (annex,) = live(bench), live(bench, "conventions"), live(bench, "annexes")

        assert (made.name, made.siret, made.kind, made.source) == ("LES JARDINS", one["siret"], "ACI", "ASP")
        assert (made.auth_email, made.email, made.department) == (one["auth_email"], "", "2A")
        assert made.convention_id == convention.convention_id == annex.convention_id
        assert (convention.is_active, convention.asp_id, convention.siret_signature) == (True, one["asp_id"], one["siret"])

    def test_are_one_a_kind(self, bench):
        """ORG-01, ORG-71."""
        one = incoming_structure()
        deliver(bench, [one], [incoming_annex(one), incoming_annex(one, kind=StructureKind.ACI)])

        assert sorted(row.kind for row in live(bench)) == ["ACI", "EI"]
        assert len(live(bench, "conventions")) == 2

    @pytest.mark.parametrize("changed", [{"ends_on": PAST}, {"state": AnnexState.HISTORISE}])
    def test_need_an_active_annex(self, bench, changed):
        one = incoming_structure()

        assert done(deliver(bench, [one], [incoming_annex(one, **changed)])) == {}

    def test_count_an_annex_until_the_end_of_its_last_day(self, bench):
        """ORG-73, chapter 11.2; the start does not count."""
        today = paris_date(datetime.now(UTC))
        one, two = incoming_structure(), incoming_structure()
        annexes = [incoming_annex(one, ends_on=today), incoming_annex(two, starts_on=today + DAY)]

        assert deliver(bench, [one, two], annexes)["structures_created"] == 2

    def test_are_created_where_the_rule_says_so(self, bench):
        """The plan's SQL and `domain.is_convention_active` say the same of every state, on both sides of the last day."""
        today = paris_date(datetime.now(UTC))
        cases = [(state, today + days * DAY) for state in AnnexState for days in (-1, 0, 1)]
        structures = dict(enumerate(cases, start=70001))
        delivered = [incoming_structure(asp_id=asp_id) for asp_id in structures]
        annexes = [incoming_annex(one, state=case[0], ends_on=case[1]) for one, case in zip(delivered, cases, strict=True)]

        deliver(bench, delivered, annexes)

        created = {row.asp_id for row in live(bench)}
        assert created == {asp_id for asp_id, case in structures.items() if domain.is_convention_active([case], today=today)}
        assert len(created) == 4

    def test_are_held_without_official_address(self, bench):
        """ASP-10."""
        one = incoming_structure(auth_email=None)

        summary = deliver(bench, [one], [incoming_annex(one)])

        assert done(summary) == {"held": {"no_official_address": {"count": 1, "structures": [f"EI {one['asp_id']}"]}}}
        assert live(bench) == live(bench, "annexes") == []

    def test_are_held_where_their_siret_and_kind_are_taken(self, bench):
        taken = structure(bench, source=OrganizationSource.STAFF_CREATED)
        one = incoming_structure(siret=taken.siret)

        summary = deliver(bench, [one], [incoming_annex(one), incoming_annex(one, kind=StructureKind.ACI)])

        assert summary["held"] == {"siret_taken": {"count": 1, "structures": [f"EI {one['asp_id']}"]}}
        assert summary["structures_created"] == 1  # The ACI.

    def test_are_not_hindered_by_an_antenna(self, bench):
        """Chapter 11.6: only mothers count."""
        mother = structure(bench)
        antenna = structure(bench, mother=mother, siret="95555555500011")
        one = incoming_structure(siret=antenna.siret)

        assert deliver(bench, [one], [incoming_annex(one)])["structures_created"] == 1

    def test_that_claim_one_siret_come_first_come(self, bench):
        one = incoming_structure()
        two = incoming_structure(siret=one["siret"])

        summary = deliver(bench, [one, two], [incoming_annex(one), incoming_annex(two)])

        assert summary["structures_created"] == 1
        assert summary["held"]["siret_taken"]["structures"] == [f"EI {two['asp_id']}"]

    def test_that_claim_one_siret_come_after_one_that_can_be_created(self, bench):
        """ASP-35: a newcomer without official address does not bar the way."""
        one = incoming_structure(auth_email=None)
        two = incoming_structure(siret=one["siret"])

        summary = deliver(bench, [one, two], [incoming_annex(one), incoming_annex(two)])

        assert [row.asp_id for row in live(bench)] == [two["asp_id"]]
        assert summary["held"] == {"no_official_address": {"count": 1, "structures": [f"EI {one['asp_id']}"]}}


class TestKnownStructures:
    def start(self, bench, **changed):
        one = incoming_structure(**changed)
        annex = incoming_annex(one)
        deliver(bench, [one], [annex])
        return one, annex

    def test_get_the_latest_official_address(self, bench):
        """ASP-33, F-10."""
        one, annex = self.start(bench)

        summary = deliver(bench, [{**one, "auth_email": "y@structure.example"}], [annex])

        assert done(summary) == {"structures_updated": 1}
        assert live(bench)[0].auth_email == "y@structure.example"

    def test_keep_their_official_address_when_none_comes(self, bench):
        one, annex = self.start(bench)

        assert done(deliver(bench, [{**one, "auth_email": None}], [annex])) == {}
        assert live(bench)[0].auth_email == one["auth_email"]

    def test_keep_their_name_and_address(self, bench):
        """ADR-07."""
        one, annex = self.start(bench)

        assert done(deliver(bench, [{**one, "name": "AUTRE", "city": "Ailleurs"}], [annex])) == {}

    def test_follow_a_change_of_siret_within_the_siren(self, bench):
        """ASP-34, F-39: same id, same ID."""
        one, annex = self.start(bench, siret="12345678900011")
        before = live(bench)[0]

        deliver(bench, [{**one, "siret": "12345678900029"}], [annex])

        after = live(bench)[0]
        assert after.siret == "12345678900029"
        assert (after.organization_id, after.public_id) == (before.organization_id, before.public_id)

    def test_take_along_the_antennas_that_share_their_siret(self, bench):
        """Chapter 11.6."""
        one, annex = self.start(bench, siret="12345678900011")
        mother = live(bench)[0]
        structure(bench, mother=mother, name="Site nord")
        structure(bench, mother=mother, name="Site sud", siret="12345678900037")

        deliver(bench, [{**one, "siret": "12345678900029"}], [annex])

        assert sorted(row.siret for row in live(bench)) == ["12345678900029", "12345678900029", "12345678900037"]

    def test_are_held_when_the_siren_changes(self, bench):
        one, annex = self.start(bench, siret="12345678900011")
        changed = {**one, "siret": "98765432100011", "auth_email": "y@structure.example"}

        summary = deliver(bench, [changed], [annex])

        assert summary["held"]["siren_changed"]["count"] == 1
        assert (live(bench)[0].siret, live(bench)[0].auth_email) == ("12345678900011", "y@structure.example")

    def test_are_held_when_the_new_siret_is_taken(self, bench):
        one, annex = self.start(bench, siret="12345678900011")
        structure(bench, siret="12345678900029")

        summary = deliver(bench, [{**one, "siret": "12345678900029"}], [annex])

        assert summary["held"]["siret_taken"]["structures"] == [f"EI {one['asp_id']}"]
        assert sorted(row.siret for row in live(bench)) == ["12345678900011", "12345678900029"]


class TestUnknownStructures:
    """Architecture 9: a row set aside means unknown, never absent; where nothing is live, good rows serve."""

    def start(self, bench):
        one = incoming_structure(siret="12345678900011")
        annexes = [incoming_annex(one, kind=EI), incoming_annex(one, kind=ACI)]
        deliver(bench, [one], annexes)
        return one, annexes

    def test_keep_everything(self, bench):
        one, _ = self.start(bench)
        before = tables(bench)

        summary = deliver(bench, [{**one, "auth_email": "y@structure.example"}], [], unknown=every_kind(one["asp_id"]))

        left = [f"ACI {one['asp_id']}", f"EI {one['asp_id']}"]
        assert done(summary) == {"held": {"unknown": {"count": 2, "structures": left}}}
        assert tables(bench) == before

    def test_are_left_alone_by_the_kind(self, bench):
        """ORG-70: the key is (asp_id, kind); the other kind of the same body follows the delivery."""
        one, _ = self.start(bench)

        summary = deliver(bench, [{**one, "siret": "12345678900029"}], [], unknown=[(one["asp_id"], ACI)])

        assert summary["held"]["unknown"]["structures"] == [f"ACI {one['asp_id']}"]
        assert {row.kind: row.siret for row in live(bench)} == {"ACI": "12345678900011", "EI": "12345678900029"}
        assert {row.kind: row.is_active for row in live(bench, "conventions")} == {"ACI": True, "EI": False}

    def test_are_created_from_their_good_rows(self, bench):
        """One bad annex does not keep its whole employer out of a first import."""
        one = incoming_structure()
        annexes = [incoming_annex(one, kind=EI), incoming_annex(one, kind=ACI)]

        summary = deliver(bench, [one], annexes, unknown=[(one["asp_id"], EI)])

        assert (summary["structures_created"], summary["held"]) == (2, {})
        assert {row.kind for row in live(bench) if row.convention_id} == {"ACI", "EI"}

    def test_are_created_once(self, bench):
        """What good rows made is live, and protected from then on."""
        one = incoming_structure()
        annexes = [incoming_annex(one), incoming_annex(one)]
        deliver(bench, [one], annexes, unknown=[(one["asp_id"], EI)])
        before = tables(bench)

        assert list(done(deliver(bench, [one], annexes[:1], unknown=[(one["asp_id"], EI)]))) == ["held"]
        assert tables(bench) == before

    def test_follow_the_delivery_again_once_known(self, bench):
        one, annexes = self.start(bench)
        deliver(bench, [one], [], unknown=every_kind(one["asp_id"]))

        assert done(deliver(bench, [one], annexes[:1])) == {"conventions_deactivated": 1, "annexes_deleted": 1}


class TestRenumberedStructures:
    """ASP-31: a changed asp_id, for the same SIRET and kind, is the same structure."""

    def start(self, bench, **changed):
        one = incoming_structure(**changed)
        annexes = [incoming_annex(one), incoming_annex(one, ends_on=PAST)]
        deliver(bench, [one], annexes)
        return one, annexes

    def renumbered(self, one, annexes):
        asp_id = one["asp_id"] + 1_000_000
        return {**one, "asp_id": asp_id}, [{**annex, "asp_id": asp_id} for annex in annexes]

    def test_keep_their_id_convention_and_annexes(self, bench):
        one, annexes = self.start(bench)
        before = tables(bench)
        two, moved = self.renumbered(one, annexes)

        assert done(deliver(bench, [two], moved)) == {"structures_renumbered": 1}

        (structure_before,), (convention_before,), _ = before
        (made,), (convention,), annexes = tables(bench)
        assert (made.organization_id, made.public_id) == (structure_before.organization_id, structure_before.public_id)
        assert (convention.convention_id, convention.is_active) == (convention_before.convention_id, True)
        assert made.asp_id == convention.asp_id == two["asp_id"]
        assert annexes == before[2]

    def test_follow_the_delivery_under_their_new_number(self, bench):
        one, annexes = self.start(bench)
        two, moved = self.renumbered(one, annexes)
        renewed = [moved[0], incoming_annex(two)]

        summary = deliver(bench, [{**two, "auth_email": "y@structure.example"}], renewed)

        assert done(summary) == {
            "structures_renumbered": 1, "structures_updated": 1, "annexes_created": 1, "annexes_deleted": 1,
        }  # fmt: skip
        assert live(bench)[0].auth_email == "y@structure.example"
        assert done(deliver(bench, [{**two, "auth_email": "y@structure.example"}], renewed)) == {}

    def test_are_found_though_the_former_number_still_has_its_row(self, bench):
        one, annexes = self.start(bench)
        two, moved = self.renumbered(one, annexes)

        assert done(deliver(bench, [one, two], moved)) == {"structures_renumbered": 1}

    def test_are_two_while_the_former_number_carries_one(self, bench):
        one, annexes = self.start(bench)
        two, _ = self.renumbered(one, annexes)

        summary = deliver(bench, [one, two], [*annexes, incoming_annex(two)])

        assert done(summary) == {"held": {"siret_taken": {"count": 1, "structures": [f"EI {two['asp_id']}"]}}}

    @pytest.mark.parametrize("why", ["two newcomers", "a newcomer with a bad row", "entered by staff"])
    def test_are_left_as_they_are_where_it_is_not_sure(self, bench, why):
        """A convention whose structure's SIRET and kind a held newcomer claims keeps its state and its annexes."""
        one, annexes = self.start(bench)
        two, moved = self.renumbered(one, annexes)
        three = incoming_structure(siret=one["siret"])
        if why == "entered by staff":
            bench.rows("UPDATE organizations SET source = 'STAFF_CREATED'")
        before = tables(bench)

        summary = deliver(
            bench,
            [two, three] if why == "two newcomers" else [two],
            [*moved, incoming_annex(three)],
            unknown=[(two["asp_id"], EI)] if why == "a newcomer with a bad row" else [],
        )

        assert list(done(summary)) == ["held"] and f"EI {two['asp_id']}" in summary["held"]["siret_taken"]["structures"]
        assert tables(bench) == before

    def test_lapse_as_others_do_when_nobody_claims_them(self, bench):
        one, annexes = self.start(bench)
        two, moved = self.renumbered(one, annexes)

        summary = deliver(bench, [{**two, "siret": "98765432100011"}], moved)

        assert (summary["structures_renumbered"], summary["conventions_deactivated"]) == (0, 1)


class TestConventions:
    """ASP-31, F-26, F-38."""

    def start(self, bench, **changed):
        one = incoming_structure(**changed)
        annex = incoming_annex(one)
        deliver(bench, [one], [annex])
        return one, annex

    def convention(self, bench):
        (row,) = live(bench, "conventions")
        return row

    def test_are_deactivated_when_their_annexes_lapse(self, bench):
        one, annex = self.start(bench)

        summary = deliver(bench, [one], [{**annex, "ends_on": PAST}])

        assert done(summary) == {"conventions_deactivated": 1, "annexes_updated": 1}
        ended = self.convention(bench)
        assert not ended.is_active
        assert abs(ended.deactivated_at - datetime.now(UTC)) < timedelta(minutes=1)

    def test_are_deactivated_when_they_vanish(self, bench):
        self.start(bench)

        assert done(deliver(bench, [incoming_structure()], [])) == {"conventions_deactivated": 1, "annexes_deleted": 1}

    def test_stay_deactivated_since_the_same_day(self, bench):
        one, annex = self.start(bench)
        deliver(bench, [one], [{**annex, "ends_on": PAST}])
        before = self.convention(bench)

        deliver(bench, [one], [{**annex, "ends_on": PAST}])

        assert self.convention(bench) == before

    def test_are_active_again_when_renewed(self, bench):
        one, annex = self.start(bench)
        lapsed = {**annex, "ends_on": PAST}
        deliver(bench, [one], [lapsed])

        summary = deliver(bench, [one], [lapsed, incoming_annex(one)])

        assert done(summary) == {"conventions_activated": 1, "annexes_created": 1}
        assert (self.convention(bench).is_active, self.convention(bench).deactivated_at) == (True, None)

    @pytest.mark.parametrize(("days", "stays"), [(89, True), (91, False)])
    def test_that_staff_reactivated_are_left_alone_for_ninety_days(self, bench, days, stays):
        """ASP-44."""
        one, _ = self.start(bench)
        bench.rows(
            "UPDATE conventions SET reactivated_by_account_id = gen_random_uuid(),"
            " reactivated_at = clock_timestamp() - :days * interval '1 day'",
            days=days,
        )

        deliver(bench, [one], [])

        assert self.convention(bench).is_active is stays

    def test_take_the_siret_of_the_signature(self, bench):
        one, annex = self.start(bench)

        summary = deliver(bench, [{**one, "siret_signature": "12345678900099"}], [annex])

        assert done(summary) == {"signatures_updated": 1}
        assert self.convention(bench).siret_signature == "12345678900099"

    def test_keep_their_signature_when_the_siren_changes(self, bench):
        """Another company signed nothing here."""
        one, annex = self.start(bench)
        other = {"siret": "98765432100011", "siret_signature": "98765432100011"}

        summary = deliver(bench, [{**one, **other}], [annex])

        assert done(summary) == {"held": {"siren_changed": {"count": 1, "structures": [f"EI {one['asp_id']}"]}}}
        assert self.convention(bench).siret_signature == one["siret_signature"]

    def test_take_the_signature_even_if_the_new_siret_is_taken(self, bench):
        one, annex = self.start(bench, siret="12345678900011")
        structure(bench, siret="12345678900029")

        summary = deliver(bench, [{**one, "siret": "12345678900029", "siret_signature": "12345678900037"}], [annex])

        assert summary["signatures_updated"] == summary["held"]["siret_taken"]["count"] == 1
        assert "12345678900037" in {row.siret_signature for row in live(bench, "conventions")}

    def test_are_made_for_structures_that_have_none(self, bench):
        """ASP-36: one that is already over ended with its last annex."""
        one = incoming_structure()
        structure(bench, siret=one["siret"], asp_id=one["asp_id"], convention=False)

        deliver(bench, [one], [incoming_annex(one, ends_on=date(2020, 6, 30))])

        made = self.convention(bench)
        assert (made.is_active, made.deactivated_at) == (False, datetime(2020, 6, 30, 22, tzinfo=UTC))
        assert live(bench)[0].convention_id == made.convention_id


class TestAnnexes:
    """ASP-38."""

    def test_are_created_updated_and_deleted(self, bench):
        one = incoming_structure()
        kept, changed, gone = (incoming_annex(one) for _ in range(3))
        deliver(bench, [one], [kept, changed, gone])

        summary = deliver(bench, [one], [kept, {**changed, "state": AnnexState.PROVISOIRE}, incoming_annex(one)])

        assert done(summary) == {"annexes_created": 1, "annexes_updated": 1, "annexes_deleted": 1}
        assert len(live(bench, "annexes")) == 3

    def test_move_to_another_convention(self, bench):
        one, two = incoming_structure(), incoming_structure()
        moving = incoming_annex(one)
        deliver(bench, [one, two], [incoming_annex(one), moving, incoming_annex(two)])

        summary = deliver(bench, [one, two], [{**moving, "asp_id": two["asp_id"]}])

        assert summary["annexes_updated"] == 1
        assert summary["conventions_deactivated"] == 1

    def test_of_an_unknown_structure_are_not_taken_from_it(self, bench):
        one, two = incoming_structure(), incoming_structure()
        moving = incoming_annex(one)
        deliver(bench, [one, two], [moving, incoming_annex(two)])
        before = live(bench, "annexes")

        deliver(bench, [two], [{**moving, "asp_id": two["asp_id"]}], unknown=every_kind(one["asp_id"]))

        assert before[0] in live(bench, "annexes")

    def test_without_structure_are_not_stored(self, bench):
        one = incoming_structure()

        assert done(deliver(bench, [], [incoming_annex(one, number=annex_number())])) == {}
