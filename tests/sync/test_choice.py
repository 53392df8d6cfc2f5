"""Records beside one another: keys that stand twice, annexes that share a number (ASP-11, ASP-13)."""

import itertools
from datetime import date

import pytest

from services.sync.choice import choose_annexes, set_aside_repeated
from services.sync.findings import Reason, reject
from services.sync.rows import parse_annex, parse_structure
from tests.sync.samples import ANNEX, STRUCTURE

TODAY = date(2026, 11, 20)


def structure(line_number, asp_id):
    return parse_structure(line_number, STRUCTURE | {"asp_id": str(asp_id)})[0]


def annex(line_number, **changes):
    return parse_annex(line_number, ANNEX | changes)[0]


class TestSetAsideRepeated:
    def test_asp_11_sets_both_aside(self):
        kept, rejects = set_aside_repeated([structure(3, 1), structure(4, 2), structure(5, 1)])
        assert [row.asp_id for row in kept] == [2]
        assert [(one.line_number, one.reason, one.asp_id) for one in rejects] == [
            (3, Reason.REPEATED_ASP_ID, 1),
            (5, Reason.REPEATED_ASP_ID, 1),
        ]
        assert rejects[0].column == "structure_id_siae"

    def test_counts_a_record_already_set_aside(self):
        kept, rejects = set_aside_repeated([structure(3, 1)], [reject(4, None, Reason.NAF, "x", asp_id=1)])
        assert (kept, [one.line_number for one in rejects]) == ([], [3])

    def test_leaves_single_keys_alone(self):
        rows = [structure(3, 1), structure(4, 2)]
        assert set_aside_repeated(rows, [reject(5, None, Reason.FIELD_COUNT, 2)]) == (rows, [])


PREFERRED = {
    "identical lines are one": ({}, {}),
    "active before ended": ({"ends_on": "31/12/2026"}, {"ends_on": "19/11/2026"}),
    "active state before a later end": (
        {"state": "VALIDE", "ends_on": "01/11/2026"},
        {"state": "HISTORISE", "ends_on": "31/12/2026"},
    ),
    "latest end": ({"state": "CLOTURE", "ends_on": "31/12/2026"}, {"state": "HISTORISE", "ends_on": "30/11/2026"}),
    "two bodies": ({"state": "VALIDE"}, {"state": "HISTORISE", "asp_id": "77"}),
    "two bodies alike": ({"state": "HISTORISE", "asp_id": "76"}, {"state": "HISTORISE", "asp_id": "77"}),
}


class TestChooseAnnexes:
    @pytest.mark.parametrize(("preferred", "other"), PREFERRED.values(), ids=PREFERRED)
    def test_asp_13_keeps_one_row_per_number_whatever_the_order(self, preferred, other):
        first, second = annex(3, **preferred), annex(4, **other)
        for rows in itertools.permutations((first, second)):
            assert choose_annexes(rows, today=TODAY) == ([first], [])

    def test_keeps_different_numbers(self):
        rows = [annex(3), annex(4, amendment="2"), annex(5, renewal="1")]
        assert choose_annexes(rows, today=TODAY) == (rows, [])

    def test_sets_aside_a_number_active_for_two_bodies_and_gives_it_to_none(self):
        rows = [annex(3), annex(4, asp_id="77"), annex(5, state="HISTORISE"), annex(6, amendment="2")]
        chosen, rejects = choose_annexes(rows, today=TODAY)
        assert [row.line_number for row in chosen] == [6]
        assert [(one.line_number, one.reason, one.asp_id, one.kind) for one in rejects] == [
            (3, Reason.NUMBER_NOT_UNIQUE, 2855, "ACI"),
            (4, Reason.NUMBER_NOT_UNIQUE, 77, "ACI"),
        ]
        assert "ACI054260019A0M1" in rejects[0].message

    def test_accepts_a_file_without_any_duplicate(self):
        """The old importer stopped on a clean file."""
        assert choose_annexes([annex(3)], today=TODAY) == ([annex(3)], [])
