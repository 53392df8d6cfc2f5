"""Towns and jobs: what is shipped, and how it is loaded."""

import json
from pathlib import Path

import pytest

from chassis.testing.subjects import service
from contracts import organizations as contract
from services.organizations.actions import reference

SHIPPED = Path(reference.__file__).parent.parent / "reference"
OPERATOR = service("operator")
METROPOLITAN = {"latitude": (41.3, 51.2), "longitude": (-5.2, 9.6)}


def shipped(name, method):
    """The shipped items, read as the operator's call is."""
    items = json.loads((SHIPPED / f"{name}.json").read_text(encoding="utf-8"))
    return method.takes().load({"items": items})["items"]


@pytest.fixture(scope="module")
def towns():
    return shipped("towns", contract.load_towns)


@pytest.fixture(scope="module")
def appellations():
    return shipped("appellations", contract.load_appellations)


class TestShippedTowns:
    def test_are_some_hundreds_of_every_department(self, towns):
        departments = {town["department"] for town in towns}

        assert len(towns) == len({town["insee_code"] for town in towns}) >= 300
        assert {"2A", "2B", "75", "971", "972", "973", "974", "976"} <= departments
        assert len(departments) >= 101

    def test_agree_on_their_department(self, towns):
        """ADR-02: the first digits of INSEE's code and of the post codes; Corsica's post codes begin with 20."""
        for town in towns:
            department = town["department"]
            assert town["insee_code"].startswith(department), town
            assert all(code.startswith("20" if department in ("2A", "2B") else department[:2]) for code in town["post_codes"]), (
                town
            )

    def test_lie_where_they_should(self, towns):
        for town in (town for town in towns if len(town["department"]) == 2):
            assert all(low < town[axis] < high for axis, (low, high) in METROPOLITAN.items()), town

    def test_lie_near_others_of_their_department(self, towns):
        """A swapped or mistyped coordinate shows."""
        for town in (town for town in towns if len(town["department"]) == 2):
            near = [other for other in towns if other["department"] == town["department"]]
            assert all(abs(other["latitude"] - town["latitude"]) < 1.6 for other in near), town
            assert all(abs(other["longitude"] - town["longitude"]) < 2.2 for other in near), town


class TestShippedAppellations:
    def test_are_about_a_hundred_with_their_codes(self, appellations):
        assert len(appellations) == len({job["appellation_code"] for job in appellations}) >= 100
        for job in appellations:
            assert job["rome_code"][0].isalpha() and job["rome_code"][1:].isdigit() and len(job["rome_code"]) == 5
            assert job["appellation_code"].isdigit() and 5 <= len(job["appellation_code"]) <= 6

    def test_name_each_rome_job_in_one_way(self, appellations):
        pairs = {(job["rome_code"], job["rome_name"]) for job in appellations}

        assert len(pairs) == len({code for code, _ in pairs})


class TestLoadTowns:
    def test_loads_all_and_again(self, bench, towns):
        for _ in range(2):
            assert bench.act(reference.load_towns, OPERATOR, items=towns) == {"loaded_count": len(towns)}

        assert bench.rows("SELECT count(*) FROM towns")[0][0] == len(towns)

    def test_takes_over_what_changed_and_keeps_what_is_gone(self, bench, towns):
        first, second = towns[:2]
        bench.act(reference.load_towns, OPERATOR, items=[first, second])

        bench.act(reference.load_towns, OPERATOR, items=[{**first, "population": 7, "latitude": 47.0}])

        rows = {row.insee_code: row for row in bench.rows("SELECT * FROM towns")}
        assert (rows[first["insee_code"]].population, rows[first["insee_code"]].latitude) == (7, 47.0)
        assert set(rows) == {first["insee_code"], second["insee_code"]}

    def test_accepts_nothing(self, bench):
        assert bench.act(reference.load_towns, OPERATOR, items=[]) == {"loaded_count": 0}

    def test_places_them_so_that_distances_come_out(self, bench, towns):
        """The straight distance between points gives the distance on the ground: Paris to Marseille, about 661 km."""
        bench.act(reference.load_towns, OPERATOR, items=towns)

        (row,) = bench.rows(
            "SELECT 2 * 6371008.8 * asin((one.pos <-> two.pos) / (2 * 6371008.8)) AS metres"
            " FROM towns AS one, towns AS two WHERE one.insee_code = '75056' AND two.insee_code = '13055'"
        )

        assert row.metres == pytest.approx(661_000, rel=0.01)


class TestLoadAppellations:
    def test_loads_all_and_again(self, bench, appellations):
        for _ in range(2):
            answer = bench.act(reference.load_appellations, OPERATOR, items=appellations)

        assert answer == {"loaded_count": len(appellations)}
        assert bench.rows("SELECT count(*) FROM appellations")[0][0] == len(appellations)
