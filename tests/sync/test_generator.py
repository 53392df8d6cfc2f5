"""The generator of fictitious deliveries: what it promises is what the parser finds, for any seed."""

import json
from collections import Counter
from datetime import date

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stdnum.fr import siret as siret_number

from services.sync.asp import FileRefused, Reading, Reject, Remark, StructureRow, View
from services.sync.choice import choose_annexes, set_aside_repeated
from services.sync.depot import open_delivery
from services.sync.domain import keys_of
from services.sync.generator import Chapter, Envelope, generate
from services.sync.generator.__main__ import write_delivery
from services.sync.generator.towns import TOWNS
from services.sync.rows import AnnexRow, department_of
from tests.factories import sync as make

DAY = date(2026, 11, 20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("deliveries")


def read_back(delivery, folder):
    """What the files of a delivery give: all that was read of each view."""
    paths = [folder / name for name in delivery.files]
    for path in paths:
        path.write_bytes(delivery.files[path.name])
    opened, found = open_delivery(paths), {}
    for view in View:
        with opened.open(view) as stream:
            found[view] = list(Reading(stream, view))
    return found


def rows_of(found, cls):
    return [one for view in View for one in found[view] if isinstance(one, cls)]


def understood(found, today):
    """The keys that good rows make, and the rejects."""
    structures, repeated = set_aside_repeated(
        rows_of(found, StructureRow), [one for one in found[View.STRUCTURE] if isinstance(one, Reject)]
    )
    annexes, not_unique = choose_annexes(rows_of(found, AnnexRow), today=today)
    rejects = rows_of(found, Reject) + repeated + not_unique
    by_asp_id = {row.asp_id: row for row in structures}
    active = Counter()
    for row in annexes:
        active[row.asp_id, row.kind] += row.is_active(today)
    keys = {
        (asp_id, kind, by_asp_id[asp_id].siret, by_asp_id[asp_id].name, by_asp_id[asp_id].auth_email, count > 0)
        for (asp_id, kind), count in active.items()
        if asp_id in by_asp_id
    }
    return keys, rejects


def expected_keys(manifest):
    return {tuple(key[name] for name in ("asp_id", "kind", "siret", "name", "auth_email", "active")) for key in manifest["keys"]}


class TestRoundTrip:
    @given(
        seed=st.integers(0, 10_000),
        structures=st.integers(1, 60),
        today=st.dates(date(2021, 1, 1), date(2030, 12, 31)),
        traps=st.booleans(),
        chapter=st.sampled_from(list(Chapter)),
        envelope=st.sampled_from([Envelope.GZIP, Envelope.ZIP, Envelope.PLAIN, Envelope.ARCHIVE, Envelope.NO_FIN]),
    )
    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
    def test_gives_what_the_manifest_says(self, folder, seed, structures, today, traps, chapter, envelope):
        delivery = generate(structures=structures, seed=seed, today=today, traps=traps, chapter=chapter, envelope=envelope)
        keys, rejects = understood(read_back(delivery, folder), date.fromisoformat(delivery.manifest["date"]))
        assert keys == expected_keys(delivery.manifest)
        unknown = {key for one in rejects for key in keys_of(one.asp_id, one.kind)}
        assert unknown == make.pairs(delivery.manifest["unknown_keys"])
        assert len(rejects) == delivery.manifest["rejects"]
        assert traps or (not rejects and not delivery.manifest["traps"])

    def test_finds_every_trap_on_its_line(self, folder):
        delivery = generate(structures=600, seed=3, today=DAY)
        found = read_back(delivery, folder)
        rejects = understood(found, DAY)[1]
        said = Counter((one.line_number, one.reason) for one in rejects + rows_of(found, Remark))
        planted = Counter(
            (trap["line"], trap["reason"])
            for trap in delivery.manifest["traps"]
            if trap["reason"] and trap["outcome"] != "dropped"
        )
        assert planted - said == Counter()
        assert {trap["trap"] for trap in delivery.manifest["traps"]} >= {
            "identical_line", "same_number_other_state", "same_number_two_bodies", "active_number_two_bodies", "prison",
            "lone_quote",
            "annex_without_structure", "structure_without_annex", "starts_in_the_future", "ends_today", "ended_yesterday",
            "empty_email", "capitals_in_email", "space_in_email", "siret_moved", "siren_changed", "repeated_asp_id",
            "numeric_name", "separator_in_text", "separator_in_our_text", "empty_measure",
        }  # fmt: skip


@pytest.fixture(scope="module")
def delivery():
    return generate(structures=1500, seed=1, today=DAY)


@pytest.fixture(scope="module")
def found(delivery, folder):
    return read_back(delivery, folder)


class TestWorld:
    def test_has_the_shares_of_kinds_of_the_real_one(self, delivery):
        kinds = Counter(key["kind"] for key in delivery.manifest["keys"])
        for kind, share in {"ACI": 0.49, "EI": 0.26, "AI": 0.17, "ETTI": 0.08}.items():
            assert abs(kinds[kind] / kinds.total() - share) < 0.05, kind

    def test_has_the_states_and_ends_of_the_real_one(self, found):
        rows = rows_of(found, AnnexRow)
        states = Counter(row.state.value for row in rows)
        for state, share in {"VALIDE": 0.50, "HISTORISE": 0.39, "PROVISOIRE": 0.06, "SAISI": 0.02, "CLOTURE": 0.02}.items():
            assert abs(states[state] / len(rows) - share) < 0.04, state
        assert sum((row.ends_on.month, row.ends_on.day) == (12, 31) for row in rows) / len(rows) > 0.95

    def test_has_official_numbers_of_nobody(self, delivery):
        """The register gives no SIREN that begins with a zero."""
        spoilt = {trap["asp_id"] for trap in delivery.manifest["traps"] if trap["trap"] == "wrong_check_digit"}
        assert all(siret_number.is_valid(key["siret"]) for key in delivery.manifest["keys"] if key["asp_id"] not in spoilt)
        assert all(key["siret"].startswith("0") for key in delivery.manifest["keys"])

    def test_writes_to_example_domains_only(self, delivery):
        assert all(
            key["auth_email"] is None or key["auth_email"].lower().endswith(".example") for key in delivery.manifest["keys"]
        )

    def test_spreads_over_corsica_and_overseas(self, found):
        departments = {row.department for row in rows_of(found, StructureRow)}
        assert {"2A", "2B", "971", "974", "54"} <= departments
        assert {"02A", "02B", "974"} <= {row.number_prefix.removeprefix(row.kind)[:3] for row in rows_of(found, AnnexRow)}

    def test_keeps_bad_records_under_one_percent(self, delivery):
        """Or the guard would refuse every delivery after the first one."""
        assert delivery.manifest["rejects"] / sum(delivery.manifest["records"].values()) < 0.01

    def test_has_rows_of_other_measures(self, delivery):
        assert 0.12 < delivery.manifest["dropped"] / delivery.manifest["records"][View.ANNEX] < 0.20

    def test_knows_its_towns(self):
        assert all(department_of(town.post_code).rjust(3, "0") == town.department for town in TOWNS)
        assert len({town.insee_code for town in TOWNS}) == len(TOWNS)


class TestChapters:
    def test_next_lists_some_of_every_change(self):
        manifest = generate(structures=300, seed=1, today=DAY, chapter=Chapter.NEXT).manifest
        assert manifest["date"] == "2026-11-27"
        assert {change["change"] for change in manifest["changes"]} >= {
            "appeared", "vanished", "activated", "deactivated", "siret_changed", "auth_email_changed", "asp_id_changed",
            "unknown",
        }  # fmt: skip

    def test_january_deactivates_nearly_everything_and_bridges_mend_it(self):
        """ASP-45: on 5 January no annex covers the new year; provisional ones come later."""
        first = generate(structures=300, seed=1, today=DAY).manifest
        active = sum(key["active"] for key in first["keys"])
        january = generate(structures=300, seed=1, today=DAY, chapter=Chapter.JANUARY).manifest
        bridges = generate(structures=300, seed=1, today=DAY, chapter=Chapter.BRIDGES).manifest
        assert sum(change["change"] == "deactivated" for change in january["changes"]) > 0.9 * active
        assert not any(change["change"] == "deactivated" for change in bridges["changes"])
        assert first["date"] < january["date"] < bridges["date"]

    def test_first_changes_nothing(self):
        assert generate(structures=30, seed=1, today=DAY).manifest["changes"] == []


class TestEnvelope:
    @pytest.mark.parametrize(
        ("envelope", "message"), [(Envelope.TRUNCATED, "fichier tronqué ou abîmé"), (Envelope.LATIN_1, "n'est pas en UTF-8")]
    )
    def test_damage_is_refused(self, folder, envelope, message):
        with pytest.raises(FileRefused, match=message):
            read_back(generate(structures=30, seed=1, today=DAY, envelope=envelope), folder)

    @pytest.mark.parametrize("envelope", Envelope)
    def test_is_the_same_to_the_byte(self, envelope):
        one, two = (generate(structures=40, seed=7, today=DAY, chapter=Chapter.NEXT, envelope=envelope) for _ in range(2))
        assert one == two
        assert one.files != generate(structures=40, seed=8, today=DAY, chapter=Chapter.NEXT, envelope=envelope).files


class TestWriteDelivery:
    def test_writes_files_and_manifest(self, tmp_path):
        for words in ([], ["--next"]):
            result = CliRunner().invoke(
                write_delivery, ["--structures", "30", "--date", "2026-11-20", str(tmp_path / "out"), *words]
            )
            assert result.exit_code == 0, result.output
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
            "fluxIAE_AnnexeFinanciere_20112026_081500.csv.gz",
            "fluxIAE_AnnexeFinanciere_27112026_081500.csv.gz",
            "fluxIAE_Structure_20112026_081500.csv.gz",
            "fluxIAE_Structure_27112026_081500.csv.gz",
            "manifest-next.json",
            "manifest.json",
        ]
        manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["seed"] == 1 and manifest["keys"] and manifest["traps"]

    def test_refuses_two_chapters_at_once(self, tmp_path):
        result = CliRunner().invoke(write_delivery, ["--next", "--january", "lapsed", str(tmp_path)])
        assert result.exit_code == 2
