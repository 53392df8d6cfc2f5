"""What is read of a delivery, judged and copied: real generated files, and small ones written by hand."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from chassis.db import DatabaseIsDown
from contracts.vocabulary import SIAE_KINDS, StructureKind
from services.sync import domain, staging
from services.sync.asp import FileRefused, View
from services.sync.domain import ReadView
from services.sync.generator import Envelope
from services.sync.staging import Former, check_delivery, copy_delivery, read_delivery
from tests.factories import sync as make
from tests.factories.sync import DAY, SYNC
from tests.sync.samples import record, text

NOTHING_APPLIED = Former()
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
S, A = View.STRUCTURE, View.ANNEX
APPLIED = ReadView("Structure", None, 1, 1, 0, 0, has_fin=True, ends_on_whole_line=True)


@pytest.fixture
def read(tmp_path):
    """`read(structures=[…], annexes=[…])`: a delivery of these records; of one good record where none are given."""

    def read(structures=None, annexes=None, former=NOTHING_APPLIED, today=DAY, **options):
        paths = []
        for view, records in ((S, structures), (A, annexes)):
            path = tmp_path / f"{view}.csv"
            path.write_bytes(text(view, *(records or [record(view)]), **(options if view is A else {})))
            paths.append((path, path.name))
        return read_delivery(paths, former, today=today)

    return read


@pytest.fixture
def read_generated(tmp_path):
    def read(generated, today=DAY):
        for name, content in generated.files.items():
            (tmp_path / name).write_bytes(content)
        return read_delivery([(tmp_path / name, name) for name in generated.files], Former(), today=today)

    return read


class TestReadDelivery:
    def test_gives_what_the_manifest_says(self, read_generated):
        generated = make.delivery(structures=300)
        delivery, manifest = read_generated(generated), generated.manifest
        assert {view.view: view.record_count for view in delivery.views} == manifest["records"]
        assert delivery.reject_count == manifest["rejects"]
        assert delivery.unknown_keys == make.pairs(manifest["unknown_keys"])
        active = {(row.asp_id, row.kind) for row in delivery.annexes if row.is_active(DAY)}
        told = {row.asp_id: row for row in delivery.structures}
        for key in manifest["keys"]:
            row = told[key["asp_id"]]
            assert (row.siret, row.name, row.auth_email) == (key["siret"], key["name"], key["auth_email"])
            assert ((key["asp_id"], key["kind"]) in active) == key["active"]

    @pytest.mark.parametrize(
        ("bad", "kinds"),
        [
            (record(A, amendment="2", starts_on="31/02/2026"), {StructureKind.ACI}),
            (record(A, amendment="2", measure=""), SIAE_KINDS),
            (record(A, amendment="2", measure="FDI_DC", starts_on="31/02/2026"), set()),
        ],
    )
    def test_leaves_unknown_what_a_bad_row_may_have_told_of(self, read, bad, kinds):
        """The good rows of the structure travel all the same: organizations may have nothing of it yet."""
        delivery = read(annexes=[record(A), bad])
        assert delivery.unknown_keys == {(2855, kind) for kind in kinds}
        assert [row.asp_id for row in delivery.structures] == [row.asp_id for row in delivery.annexes] == [2855]

    def test_leaves_every_kind_unknown_of_a_bad_structure(self, read):
        delivery = read(structures=[record(S, asp_id="9"), record(S, naf="?")])
        assert delivery.unknown_keys == domain.keys_of(2855, None)

    def test_sets_repeated_structures_aside(self, read):
        """ASP-11."""
        delivery = read(structures=[record(S), record(S, name="AUTRE NOM")])
        assert [one.line_number for one in delivery.rejects[S]] == [3, 4]
        assert (delivery.structures, delivery.unknown_keys) == ([], domain.keys_of(2855, None))

    def test_chooses_annexes_by_the_day(self, read):
        """ASP-13: the active one of a number; the day after its end, none is active and the latest end is kept."""
        annexes = [record(A, asp_id="9", ends_on="31/12/2025", starts_on="01/01/2025"), record(A)]
        assert [row.asp_id for row in read(annexes=annexes).annexes] == [2855]
        assert [row.asp_id for row in read(annexes=annexes, today=date(2027, 1, 1)).annexes] == [2855]

    def test_doubts_what_is_missing_where_a_key_cannot_be_read(self, read):
        """A record whose key cannot be read may have been of any structure that is missing: none of those is absent."""
        annexes = {(2855, StructureKind.ACI, "ACI054260019A0M1"), (8, StructureKind.EI, "x")}
        former = Former({}, {S: {(2855, None, ""), (7, None, "")}, A: annexes})
        delivery = read(structures=[record(S), record(S, asp_id="illisible")], former=former)
        assert delivery.unknown_keys == domain.keys_of(7, None)
        delivery = read(annexes=[record(A), record(A, asp_id="illisible")], former=former)
        assert delivery.unknown_keys == {(8, StructureKind.EI)}

    def test_doubts_nothing_where_all_keys_are_read(self, read):
        former = Former({}, {S: {(7, None, "")}, A: {(8, StructureKind.EI, "x")}})
        assert read(former=former).unknown_keys == set()

    def test_requires_fin_where_the_last_applied_file_had_it(self, read):
        with pytest.raises(FileRefused, match="la ligne FIN manque"):
            read(former=Former({"AnnexeFinanciere": APPLIED}), fin=False)
        assert [view.has_fin for view in read(fin=False).views] == [True, False]

    def test_keeps_what_is_odd_of_rows_that_are_taken(self, read):
        """asp_formats 6: a bad address is treated as absent, and told."""
        delivery = read(structures=[record(S, auth_email="deux adresses@structure.example", phone="12")])
        assert [(one.line_number, one.reason) for one in delivery.remarks[S]] == [(3, "auth_email"), (3, "phone")]
        assert (delivery.remark_count, delivery.reject_count, delivery.remarks[A]) == (2, 0, [])

    def test_holds_so_many_records_and_no_more(self, read, monkeypatch):
        monkeypatch.setattr(staging, "MOST_RECORDS", 2)
        with pytest.raises(FileRefused, match="plus de 2 enregistrements"):
            read(structures=[record(S, asp_id=str(number)) for number in range(1, 4)])


class TestCheckDelivery:
    def test_judges_each_view_by_its_former(self, read):
        delivery = read(structures=[record(S), record(S, asp_id="9", naf="?")])
        check_delivery(delivery, Former(), now=NOON)
        check_delivery(delivery, Former({"Structure": APPLIED}), now=NOON, bad_share=0.5)
        with pytest.raises(domain.TooManyBadRows):
            check_delivery(delivery, Former({"Structure": APPLIED}), now=NOON)

    def test_refuses_one_of_the_future(self, read):
        with pytest.raises(domain.DeliveryIsFromTheFuture):
            check_delivery(read(), Former(), now=NOON - timedelta(days=2))


class TestCopyDelivery:
    def staged(self, bench, delivery):
        run = bench.act(
            make.actions.open_run, make.OPERATOR, files=[{"file_id": uuid4(), "name": "x", "size": 1, "sha256": ""}], is_dry=False
        )
        count = bench.act(lambda session, subject: copy_delivery(session, run.run_id, delivery), SYNC)
        return run.run_id, count

    def test_writes_every_row_once(self, bench, read_generated):
        delivery = read_generated(make.delivery(structures=120))
        run_id, count = self.staged(bench, delivery)
        for table, rows in (
            ("structures", delivery.structures),
            ("annexes", delivery.annexes),
            ("unknown_keys", delivery.unknown_keys),
        ):
            assert [
                tuple(row) for row in bench.rows(f"SELECT count(*) FROM staged_{table} WHERE run_id = :run_id", run_id=run_id)
            ] == [(len(rows),)]
        counts = {row.level: row.count for row in bench.rows("SELECT level, count(*) AS count FROM findings GROUP BY level")}
        assert (counts, count) == ({"reject": delivery.reject_count, "remark": delivery.remark_count}, 1)

    def test_keeps_odd_texts_as_they_are(self, bench, read):
        name = 'A "B" \\N\\.\tÉTÉ ; L\'ÎLE'
        self.staged(bench, read(structures=[record(S, name=name)]))
        (row,) = bench.rows("SELECT name, city FROM staged_structures")
        assert row.name == name.replace("\t", " ")

    def test_stores_messages_that_can_be_shown(self, bench, read):
        self.staged(bench, read(structures=[record(S), record(S, asp_id="9", siret="\x01\x1b" + "9" * 400)]))
        (row,) = bench.rows("SELECT message FROM findings WHERE level = 'reject'")
        assert row.message.isprintable() and len(row.message) < 200

    def test_says_that_the_database_is_down(self, bench, read, monkeypatch):
        """The driver's errors while copying are no other failures than any statement's."""
        delivery = read()

        def cut(*_):
            raise psycopg.OperationalError("gone")

        monkeypatch.setattr(psycopg.Copy, "write_row", cut)
        with pytest.raises(DatabaseIsDown):
            self.staged(bench, delivery)
        assert bench.rows("SELECT * FROM staged_structures") == []


@pytest.mark.parametrize(
    ("envelope", "message"),
    [(Envelope.TRUNCATED, "fichier tronqué ou abîmé : FIN annonce"), (Envelope.LATIN_1, "le texte n'est pas en UTF-8")],
)
def test_damaged_files_are_refused_saying_what_and_where(read_generated, envelope, message):
    with pytest.raises(FileRefused, match=message):
        read_generated(make.delivery(envelope=envelope))
