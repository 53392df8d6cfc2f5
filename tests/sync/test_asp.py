"""Files of the two views: what is refused whole, with what words, and what is taken."""

import io
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from services.sync.asp import (
    ANNEX_HEADING,
    HEADINGS,
    STRUCTURE_HEADING,
    FileRefused,
    Reading,
    Reject,
    StructureRow,
    View,
    view_of,
)
from services.sync.findings import Reason
from services.sync.lines import LONGEST_LINE
from tests.sync.samples import read, record, text

STRUCTURE_FILE = text(View.STRUCTURE, record(View.STRUCTURE), record(View.STRUCTURE, asp_id="2856"))
ANNEX_FILE = text(View.ANNEX, record(View.ANNEX), record(View.ANNEX, amendment="2"))


class TestHeadings:
    def test_have_the_width_of_the_views(self):
        assert (len(STRUCTURE_HEADING), len(ANNEX_HEADING)) == (37, 128)

    def test_are_never_repeated(self):
        assert all(len(set(heading)) == len(heading) for heading in HEADINGS.values())

    def test_keep_the_oddities_of_the_asp(self):
        """One title holds a space, another a spurious letter; both stand where the documents say."""
        assert ANNEX_HEADING[102] == "af_nb_banques numeric"
        assert ANNEX_HEADING[29] == "af_etp_presta_ext_enca_tech_accomp_sociopa_annee_prec"
        assert (STRUCTURE_HEADING[2], STRUCTURE_HEADING[32]) == ("structure_id_siae", "structure_adresse_gestion_telephone")


class TestReading:
    def test_reports_the_file(self):
        report, found = read(View.STRUCTURE, STRUCTURE_FILE)
        assert report.extracted_at == datetime(2026, 11, 20, 8, 15, tzinfo=ZoneInfo("Europe/Paris"))
        assert (report.record_count, report.has_fin, report.ends_on_whole_line, report.counts) == (2, True, True, {"rows": 2})
        assert [(row.asp_id, row.line_number) for row in found] == [(2855, 3), (2856, 4)]

    def test_takes_a_lone_double_quote_as_data(self):
        """ASP-17: no quoting; a quote that is never closed swallows nothing."""
        free_text = record(View.ANNEX)
        free_text[53] = "\"Réorganisation de l'atelier"
        report, found = read(View.ANNEX, text(View.ANNEX, free_text, record(View.ANNEX, amendment="2")))
        assert (len(found), report.counts) == (2, {"rows": 2})

    def test_takes_a_file_without_fin_and_says_so(self):
        report, found = read(View.ANNEX, text(View.ANNEX, record(View.ANNEX), record(View.ANNEX), fin=False))
        assert (report.has_fin, report.ends_on_whole_line, report.record_count, len(found)) == (False, True, 2, 2)

    def test_reports_a_last_line_without_its_end(self):
        report, _ = read(View.ANNEX, text(View.ANNEX, record(View.ANNEX), fin=False)[:-1])
        assert (report.has_fin, report.ends_on_whole_line) == (False, False)

    def test_takes_a_file_without_deb_when_its_titles_come_first(self):
        report, found = read(View.STRUCTURE, text(View.STRUCTURE, record(View.STRUCTURE), deb=False))
        assert (report.extracted_at, len(found)) == (None, 1)

    def test_finds_columns_by_their_titles(self):
        """Columns that moved, or new ones, change nothing (ASP-11)."""
        heading, values = [*STRUCTURE_HEADING[::-1], "nouvelle"], [*record(View.STRUCTURE)[::-1], "x"]
        content = text(View.STRUCTURE, values, heading=heading)
        assert read(View.STRUCTURE, content)[1] == read(View.STRUCTURE, STRUCTURE_FILE)[1][:1]

    @pytest.mark.parametrize("change", [lambda raw: b"\xef\xbb\xbf" + raw, lambda raw: raw.replace(b"\n", b"\r\n")])
    def test_forgives_what_editors_add(self, change):
        assert read(View.STRUCTURE, change(STRUCTURE_FILE))[1] == read(View.STRUCTURE, STRUCTURE_FILE)[1]

    def test_is_the_same_however_the_stream_is_cut(self):
        small_chunks = io.BufferedReader(io.BytesIO(ANNEX_FILE), buffer_size=7)
        assert list(Reading(small_chunks, View.ANNEX)) == read(View.ANNEX, ANNEX_FILE)[1]

    def test_counts_what_is_none_of_our_business(self):
        """ASP-12: prison and other measures are dropped, not set aside."""
        measures = ("ACI_MP", "EI_MP", "FDI_DC", "ACI_DC")
        report, found = read(View.ANNEX, text(View.ANNEX, *(record(View.ANNEX, measure=measure) for measure in measures)))
        assert report.counts == {"prison": 2, "other_measure": 1, "rows": 1}
        assert len(found) == 1

    @pytest.mark.parametrize("measure", ["FDI_DC", "ACI_MP"])
    def test_sets_nothing_aside_of_what_is_none_of_our_business(self, measure):
        bad = record(View.ANNEX, measure=measure, asp_id="?", number_prefix="?", state="", starts_on="demain")
        report, found = read(View.ANNEX, text(View.ANNEX, bad, record(View.ANNEX)))
        assert (len(found), report.counts["rejects"]) == (1, 0)

    def test_reads_the_kind_of_what_is_set_aside(self):
        bad = record(View.ANNEX, state="?"), record(View.ANNEX, measure="")
        _, found = read(View.ANNEX, text(View.ANNEX, *bad, record(View.ANNEX)))
        assert [(one.asp_id, one.kind) for one in found[:2]] == [(2855, "ACI"), (2855, None)]


def with_text_in_two(values, column=53):
    """A record in whose free text a separator stands."""
    return [*values[:column], "outils ", " machines", *values[column + 1 :]]


class TestMisshapenRecord:
    @pytest.mark.parametrize(
        ("change", "words"), [(lambda values: [*values, "de trop"], "129 champs"), (lambda values: values[:-1], "127 champs")]
    )
    def test_is_set_aside_with_its_key(self, change, words):
        report, found = read(View.ANNEX, text(View.ANNEX, change(record(View.ANNEX)), record(View.ANNEX, amendment="3")))
        reject = found[0]
        assert (reject.line_number, reject.column, reject.reason) == (3, None, Reason.FIELD_COUNT)
        assert (reject.asp_id, reject.kind) == (2855, "ACI")
        assert reject.message == f"La ligne a {words} au lieu des 128 annoncés."
        assert report.counts == {"rejects": 1, "rows": 1}

    def test_is_dropped_where_it_is_none_of_our_business(self):
        """Free texts are those of the development fund: what stands in them must not cost a structure anything."""
        records = [with_text_in_two(record(View.ANNEX, measure="FDI_DC")), record(View.ANNEX)]
        report, found = read(View.ANNEX, text(View.ANNEX, *records))
        assert (len(found), report.counts) == (1, {"other_measure": 1, "rows": 1})

    def test_is_of_no_kind_where_its_measure_may_be_another_cell(self):
        _, found = read(View.ANNEX, text(View.ANNEX, with_text_in_two(record(View.ANNEX), column=1), record(View.ANNEX)))
        assert (found[0].asp_id, found[0].kind) == (2855, None)

    def test_has_no_key_when_it_is_cut_before_it(self):
        _, found = read(View.STRUCTURE, text(View.STRUCTURE, ["x", "y"], record(View.STRUCTURE)))
        assert isinstance(found[0], Reject) and found[0].asp_id is None
        assert isinstance(found[1], StructureRow)

    def test_is_set_aside_when_its_line_is_empty(self):
        _, found = read(View.STRUCTURE, text(View.STRUCTURE, [""], record(View.STRUCTURE)))
        assert found[0].reason is Reason.FIELD_COUNT


def _without(column):
    return text(View.STRUCTURE, heading=[title.replace(column, "autre_titre") for title in STRUCTURE_HEADING])


REFUSED = {
    "empty": (b"", "Vue « Structure » : le fichier est vide."),
    "no record": (text(View.STRUCTURE), "ne contient aucun enregistrement"),
    "titles only": (text(View.STRUCTURE, deb=False, fin=False), "la ligne FIN manque"),
    "deb only": (STRUCTURE_FILE.split(b"\n")[0], "ces colonnes manquent ou sont répétées : structure_id_siae"),
    "other view": (ANNEX_FILE, "ligne 1 : c'est la vue « AnnexeFinanciere » qui s'y trouve"),
    "view whose name begins alike": (
        STRUCTURE_FILE.replace(b"DEBStructure", b"DEBStructureACI"),
        "c'est la vue « StructureACI »",
    ),
    "no title": (b"bonjour\n", "ligne 1 : une ligne DEBStructure, ou les titres des colonnes, est attendue"),
    "unknown deb": (b"DEBStructure2026|||\n", "la ligne DEB n'est pas de la forme DEB + vue + jjmmaaaa_HHMMSS"),
    "deb of no day": (
        STRUCTURE_FILE.replace(b"20112026", b"31022026"),
        "l'horodatage 31022026_081500 de la ligne DEB n'existe pas",
    ),
    "missing column": (
        _without("structure_siret_actualise"),
        "ligne 2 : ces colonnes manquent ou sont répétées : structure_siret_actualise.",
    ),
    "repeated column": (
        text(View.STRUCTURE, heading=[*STRUCTURE_HEADING[:-1], "structure_code_naf"]),
        "ces colonnes manquent ou sont répétées : structure_code_naf.",
    ),
    "fin too big": (
        text(View.STRUCTURE, record(View.STRUCTURE), fin=8),
        "ligne 4 : fichier tronqué ou abîmé : FIN annonce 8 enregistrements, 1",
    ),
    "fin too small": (text(View.STRUCTURE, record(View.STRUCTURE), fin=0), "FIN annonce 0 enregistrements, 1 ont été lus"),
    "data after fin": (
        STRUCTURE_FILE + STRUCTURE_FILE.split(b"\n")[2] + b"\n",
        "ligne 6 : il reste des données après la ligne FIN",
    ),
    "latin-1": (
        text(View.STRUCTURE, record(View.STRUCTURE, name="LES HÉRONS"), encoding="latin-1"),
        "ligne 3 : le texte n'est pas en UTF-8 (octet 45 de la ligne,",
    ),
    "nul": (STRUCTURE_FILE.replace(b"NANCY", b"NA\0CY", 1), "ligne 3 : octet nul à l'octet"),
    "endless line": (
        STRUCTURE_FILE.replace(b"NANCY", b"N" * LONGEST_LINE, 1),
        f"ligne 3 : la ligne dépasse {LONGEST_LINE} octets",
    ),
    "binary": (bytes(range(128, 256)) * 10, "ligne 1 : le texte n'est pas en UTF-8 (octet 1 de la ligne, 1 du fichier)"),
}


class TestRefusedFile:
    @pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
    def test_is_refused_saying_what_and_where(self, content, message):
        with pytest.raises(FileRefused) as refusal:
            read(View.STRUCTURE, content)
        assert message in refusal.value.message
        assert refusal.value.message.startswith("Vue « Structure »")

    def test_is_refused_without_fin_where_one_is_required(self):
        with pytest.raises(FileRefused, match="la ligne FIN manque"):
            read(View.ANNEX, text(View.ANNEX, record(View.ANNEX), fin=False), fin_required=True)

    def test_is_refused_without_fin_where_it_is_of_structures(self):
        """Cut between two lines, on a first import: only the annexes' file is known to lack FIN."""
        with pytest.raises(FileRefused, match="la ligne FIN manque"):
            read(View.STRUCTURE, STRUCTURE_FILE[: STRUCTURE_FILE.index(b"FIN")])


class TestTruncatedFile:
    """S-03: whatever the byte at which a file with FIN is cut, it is not taken for a whole one."""

    @pytest.mark.parametrize("content", [STRUCTURE_FILE, ANNEX_FILE], ids=["Structure", "AnnexeFinanciere"])
    def test_is_refused_at_every_byte(self, content):
        view = view_of(content.split(b"\n")[0].decode())
        for length in range(len(content)):
            with pytest.raises(FileRefused):
                read(view, content[:length], fin_required=True)
        assert read(view, content, fin_required=True)[0].has_fin  # The control: whole, it is taken.

    def test_never_passes_for_a_whole_one_where_fin_is_not_required(self):
        """Only a cut at the end of a record, or within its last column, cannot be seen: the report says there was no FIN."""
        for length in range(len(ANNEX_FILE)):
            try:
                report, _ = read(View.ANNEX, ANNEX_FILE[:length])
            except FileRefused:
                continue
            last_line = ANNEX_FILE[:length].removesuffix(b"\n").split(b"\n")[-1]
            assert not report.has_fin
            assert last_line.count(b"|") == 127


class TestViewOf:
    @pytest.mark.parametrize(
        ("line", "view"),
        [
            ("DEBStructure20112026_081500|||", View.STRUCTURE),
            ("DEBAnnexeFinanciere20112026_081500", View.ANNEX),
            ("DEBAnnexeFinanciereACI20112026_081500|", None),
            ("DEBSalarie20112026_081500|", None),
            ("DEBStructure2026|||", View.STRUCTURE),
            ("|".join(STRUCTURE_HEADING), View.STRUCTURE),
            ("|".join(ANNEX_HEADING), View.ANNEX),
            ("salarie_id|salarie_nir", None),
            ("", None),
        ],
    )
    def test_reads_the_first_line(self, line, view):
        assert view_of(line) is view
