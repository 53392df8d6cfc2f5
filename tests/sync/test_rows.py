"""Records of the two views: taken, remarked upon, or set aside."""

from datetime import date

import pytest

from contracts.vocabulary import AnnexState, StructureKind
from services.sync.asp import Reject, Remark, View
from services.sync.findings import Reason
from services.sync.rows import Dropped, Fault, department_of, parse_annex, parse_structure, read_date
from tests.sync.samples import ANNEX, STRUCTURE, read, record, text


def parsed(**changes):
    return parse_structure(3, STRUCTURE | changes)[0]


def parsed_annex(**changes):
    return parse_annex(3, ANNEX | changes)[0]


class TestParseStructure:
    def test_takes_what_the_ASP_recommends(self):
        row = parsed()
        assert (row.asp_id, row.siret, row.siret_signature) == (2855, "01234567400027", "01234567400019")
        assert (row.name, row.naf, row.auth_email) == (
            "ASSOCIATION LES JARDINS DU PONT",
            "8899B",
            "contact@jardins-du-pont.example",
        )
        assert (row.post_code, row.city, row.insee_code, row.department) == ("54000", "NANCY", "54395", "54")

    @pytest.mark.parametrize(
        ("phone", "expected"),
        [
            ("353010203", "0353010203"),  # ASP-15: the file loses the leading zero.
            ("0353010203", "0353010203"),
            ("03 53 01 02 03", "0353010203"),
            ("03.53.01.02.03", "0353010203"),
            ("053010203", ""),
            ("35301020", ""),
            ("inconnu", ""),
            ("", ""),
        ],
    )
    def test_asp_15_completes_phones_of_nine_digits(self, phone, expected):
        assert parsed(phone=phone).phone == expected

    @pytest.mark.parametrize(
        ("address", "expected"),
        [
            ("", None),
            ("contact@jardins.example", "contact@jardins.example"),
            ("Contact@Jardins.Example", "Contact@Jardins.Example"),
            ("contact @jardins.example", None),
            ("contact\u00a0@jardins.example", None),
            ("jardins.example", None),
            ("contact@jardins.example;autre@jardins.example", None),
            ("contact@", None),
        ],
    )
    def test_asp_10_keeps_a_body_without_usable_address(self, address, expected):
        assert parsed(auth_email=address).auth_email == expected

    @pytest.mark.parametrize(
        ("cells", "lines"),
        [
            ({}, ("17 BIS RUE DU MOULIN", "BP 8")),
            ({"number_complement": "", "street": "DU  GRAND   MOULIN"}, ("17 RUE DU GRAND MOULIN", "BP 8")),
            ({"extra_1": "BAT B", "extra_2": "ENTREE 2"}, ("17 BIS RUE DU MOULIN", "BAT B ENTREE 2 BP 8")),
            ({"street_number": "", "number_complement": "", "street_type": "", "street": ""}, ("BP 8", "")),
            ({"extra_3": ""}, ("17 BIS RUE DU MOULIN", "")),
        ],
    )
    def test_asp_43_composes_the_address(self, cells, lines):
        row = parsed(**cells)
        assert (row.address_line_1, row.address_line_2) == lines

    def test_stores_no_control_character_and_no_endless_text(self):
        row = parsed(name="LES\x07JARDINS\u0301", street="X" * 400)
        assert row.name == "LES JARDINŚ"
        assert len(row.address_line_1) == 255


SET_ASIDE = {
    "asp_id empty": ({"asp_id": ""}, "structure_id_siae", Reason.ASP_ID),
    "asp_id of letters": ({"asp_id": "12B"}, "structure_id_siae", Reason.ASP_ID),
    "asp_id in other digits": ({"asp_id": "١٢"}, "structure_id_siae", Reason.ASP_ID),
    "siret of 13 digits": ({"siret": "0123456740002"}, "structure_siret_actualise", Reason.SIRET),
    "siret as a number": ({"siret": "1.23457E+13"}, "structure_siret_actualise", Reason.SIRET),
    "siret of zeros": ({"siret": "0" * 14}, "structure_siret_actualise", Reason.SIRET),
    "signature empty": ({"siret_signature": ""}, "structure_siret_signature", Reason.SIRET),
    "siren changed": ({"siret": "01234568200012"}, "structure_siret_actualise", Reason.SIREN_CHANGED),
    "naf with a dot": ({"naf": "88.99B"}, "structure_code_naf", Reason.NAF),
    "naf empty": ({"naf": ""}, "structure_code_naf", Reason.NAF),
    "name empty": ({"name": " "}, "structure_denomination", Reason.MISSING_VALUE),
    "name numeric": ({"name": "2 000"}, "structure_denomination", Reason.NAME),
    "name endless": ({"name": "A" * 256}, "structure_denomination", Reason.NAME),
}
ANNEXES_SET_ASIDE = {
    **{f"{column} empty": ({column: ""}, Reason.MISSING_VALUE) for column in ANNEX},
    "prefix of another measure": ({"number_prefix": "FDI054260019"}, Reason.NUMBER),
    "prefix too short": ({"number_prefix": "ACI05426001"}, Reason.NUMBER),
    "rank of ten": ({"amendment": "10"}, Reason.NUMBER),
    "rank in letters": ({"renewal": "O"}, Reason.NUMBER),
    "unknown state": ({"state": "SUSPENDU"}, Reason.STATE),
    "state in small letters": ({"state": "valide"}, Reason.STATE),
    "impossible date": ({"ends_on": "31/02/2026"}, Reason.DATE),
    "ISO date": ({"starts_on": "2026-07-01"}, Reason.DATE),
    "month first": ({"ends_on": "12/31/2026"}, Reason.DATE),
    "short date": ({"starts_on": "1/7/26"}, Reason.DATE),
    "end before start": ({"ends_on": "30/06/2026"}, Reason.DATES_REVERSED),
    "asp_id of letters": ({"asp_id": "AB"}, Reason.ASP_ID),
}


class TestSetAside:
    @pytest.mark.parametrize(("changes", "column", "reason"), SET_ASIDE.values(), ids=SET_ASIDE)
    def test_asp_11_structure_goes_aside_and_the_next_goes_in(self, changes, column, reason):
        _, found = read(
            View.STRUCTURE, text(View.STRUCTURE, record(View.STRUCTURE, **changes), record(View.STRUCTURE, asp_id="9"))
        )
        reject, row = found
        assert isinstance(reject, Reject)
        assert (reject.line_number, reject.column, reject.reason) == (3, column, reason)
        assert reject.asp_id == (None if "asp_id" in changes else 2855)
        assert row.asp_id == 9

    @pytest.mark.parametrize(("changes", "reason"), ANNEXES_SET_ASIDE.values(), ids=ANNEXES_SET_ASIDE)
    def test_asp_12_annex_goes_aside_and_the_next_goes_in(self, changes, reason):
        _, found = read(View.ANNEX, text(View.ANNEX, record(View.ANNEX, **changes), record(View.ANNEX, amendment="3")))
        reject, row = found
        assert isinstance(reject, Reject)
        assert (reject.line_number, reject.reason) == (3, reason)
        assert reject.asp_id == (None if "asp_id" in changes else 2855)
        assert reject.kind == (None if changes.get("measure") == "" else StructureKind.ACI)
        assert row.number == "ACI054260019A0M3"

    def test_says_in_french_what_is_wrong_without_repeating_addresses(self):
        _, found = read(
            View.STRUCTURE, text(View.STRUCTURE, record(View.STRUCTURE, naf="88.99B"), record(View.STRUCTURE, auth_email="a b@c"))
        )
        assert found[0].message == "« 88.99B » n'est pas un code NAF : 4 chiffres et une lettre sont attendus."
        assert "a b@c" not in found[2].message

    def test_cuts_what_a_bad_cell_holds(self):
        _, found = read(View.STRUCTURE, text(View.STRUCTURE, record(View.STRUCTURE, naf="9" * 5000)))
        assert len(found[0].message) < 200


class TestRemark:
    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"siret": "01234567400028"}, Reason.CHECK_DIGIT),
            ({"auth_email": "contact jardins"}, Reason.AUTH_EMAIL),
            ({"phone": "12"}, Reason.PHONE),
            ({"post_code": "5400"}, Reason.POST_CODE),
        ],
    )
    def test_comes_beside_the_row(self, changes, reason):
        _, (row, remark) = read(View.STRUCTURE, text(View.STRUCTURE, record(View.STRUCTURE, **changes)))
        assert isinstance(remark, Remark)
        assert (row.line_number, remark.line_number, remark.reason) == (3, 3, reason)

    def test_spares_the_post_office(self):
        """Its establishments do not follow the ordinary check digit (ORG-04)."""
        la_poste = {"siret": "35600000000048", "siret_signature": "35600000009075"}
        assert parse_structure(3, STRUCTURE | la_poste)[1] == []

    def test_notes_a_number_of_another_kind(self):
        row, oddities = parse_annex(3, ANNEX | {"number_prefix": "EI054260019"})
        assert (row.kind, [fault.reason for fault in oddities]) == ("ACI", [Reason.OTHER_KIND_IN_NUMBER])


class TestParseAnnex:
    def test_builds_the_number(self):
        """ORG-74: prefix, renewal, modification."""
        row = parsed_annex()
        assert (row.kind, row.number_prefix, row.number) == (StructureKind.ACI, "ACI054260019", "ACI054260019A0M1")
        assert row.state is AnnexState.VALIDE

    def test_asp_14_reads_days_first(self):
        assert parsed_annex().starts_on == date(2026, 7, 1)
        assert read_date("07/01/2026") == date(2026, 1, 7)

    @pytest.mark.parametrize("prefix", ["ACI02A260019", "ACI972260019", "ACI051170013"])
    def test_takes_corsica_and_overseas(self, prefix):
        assert parsed_annex(number_prefix=prefix).number_prefix == prefix

    @pytest.mark.parametrize(
        ("measure", "expected"),
        [
            ("ACI_MP", Dropped.PRISON), ("ETTI_MP", Dropped.PRISON), ("FDI_DC", Dropped.OTHER_MEASURE),
            ("GEIQ_DC", Dropped.OTHER_MEASURE),
        ],
    )  # fmt: skip
    def test_asp_12_drops_what_is_none_of_our_business(self, measure, expected):
        assert parsed_annex(measure=measure) is expected

    @pytest.mark.parametrize("kind", ["ACI", "EI", "AI", "ETTI", "EITI"])
    def test_keeps_the_five_kinds(self, kind):
        assert parsed_annex(measure=f"{kind}_DC", number_prefix=f"{kind}054260019").kind == kind

    def test_drops_it_whatever_else_is_wrong_with_it(self):
        assert parsed_annex(measure="ACI_MP", state="", asp_id="?") is Dropped.PRISON
        assert parsed_annex(measure="FDI_DC", starts_on="demain") is Dropped.OTHER_MEASURE

    def test_sets_a_record_without_measure_aside(self):
        with pytest.raises(Fault) as fault:
            parsed_annex(measure="")
        assert (fault.value.column, fault.value.reason) == ("measure", Reason.MISSING_VALUE)


class TestIsActive:
    @pytest.mark.parametrize(
        ("state", "today", "expected"),
        [
            ("VALIDE", date(2026, 12, 30), True),
            ("PROVISOIRE", date(2026, 12, 30), True),
            ("VALIDE", date(2026, 12, 31), True),  # The last day is included.
            ("VALIDE", date(2027, 1, 1), False),
            ("VALIDE", date(2026, 1, 1), True),  # ORG-73: the start is not looked at.
            ("HISTORISE", date(2026, 12, 30), False),
            ("SAISI", date(2026, 12, 30), False),
            ("CLOTURE", date(2026, 12, 30), False),
        ],
    )
    def test_org_73_looks_at_state_and_end(self, state, today, expected):
        assert parsed_annex(state=state).is_active(today) is expected


class TestDepartmentOf:
    @pytest.mark.parametrize(
        ("post_code", "department"),
        [("54000", "54"), ("01000", "01"), ("20000", "2A"), ("20137", "2A"), ("20200", "2B"), ("20620", "2B"), ("20300", ""),
         ("97200", "972"), ("98800", "988")],
    )  # fmt: skip
    def test_adr_02(self, post_code, department):
        assert department_of(post_code) == department
