"""Runs from the upload to the end: real files and database; organizations is at the edge, and answers as its contract says."""

import re
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.db import DatabaseIsBusy
from chassis.wire import BusIsDown, CallFailed, CallTimedOut
from contracts.errors import Invalid
from contracts.organizations import PlanHasChanged
from contracts.vocabulary import DeliveryState, RunState
from services.sync import domain
from services.sync.asp import View
from services.sync.generator import Chapter, Envelope
from services.sync.models import STAGED
from services.sync.runs import advance_runs
from tests.factories import sync as make
from tests.sync.samples import record, text

NEXT_DAY = make.DAY + timedelta(days=7)
STAGED_ROWS = " UNION ALL ".join(f"SELECT run_id FROM {model.__tablename__}" for model in STAGED)
S, A = View.STRUCTURE, View.ANNEX
SENT_AS_TOLD = ("siret", "siret_signature", "name", "post_code", "city")


class Killed(BaseException):
    """The process is gone: nothing catches this."""


class Mortal:
    """A worker whose process dies once so many of its transactions and calls have had their effect."""

    def __init__(self, desk, lives):
        self.desk, self.lives = desk, lives

    def advance(self):
        advance_runs(replace(self.desk, db=self, call=self.call))

    def step(self, action, **request):
        return self._live(self.desk.db.step(action, **request))

    def call(self, method, **request):
        return self._live(self.desk.call(method, **request))

    def _live(self, result):
        self.lives -= 1
        if self.lives < 0:
            raise Killed()
        return result


@pytest.fixture
def advance(bench, files_dir, organizations):
    return lambda **settings: advance_runs(make.desk(bench, files_dir, organizations, **settings))


@pytest.fixture
def generated():
    return make.delivery(structures=60)


def asp_ids(batch):
    return {one["asp_id"] for part in ("structures", "annexes", "unknown_keys") for one in batch[part]}


def by_number(organizations):
    return [(number, batch) for (_, number), batch in organizations.received.items()]


class TestAdvanceRuns:
    def test_brings_a_delivery_to_its_end(self, bench, files_dir, organizations, generated):
        run = make.import_files(bench, files_dir, generated.files, answering=organizations)
        assert (run.state, run.sent_batch_count, run.batch_count, run.summary) == (RunState.APPLIED, 1, 1, make.SUMMARY)
        assert run.read_count == sum(generated.manifest["records"].values())
        assert run.reject_count == generated.manifest["rejects"]
        assert organizations.calls == [
            "receive_delivery_batch", "plan_delivery", "get_delivery", "apply_delivery", "get_delivery",
        ]  # fmt: skip
        assert organizations.extracted_at.isoformat() == "2026-11-20T07:15:00+00:00"

    def test_sends_what_the_manifest_says(self, bench, files_dir, organizations, generated):
        make.import_files(bench, files_dir, generated.files, answering=organizations)
        sent = {one["asp_id"]: one for one in organizations.sent("structures")}
        for key in generated.manifest["keys"]:
            told = sent[key["asp_id"]]
            assert [told[name] for name in SENT_AS_TOLD] == [key[name] for name in SENT_AS_TOLD]
            assert (told["auth_email"] or "").lower() == (key["auth_email"] or "").lower()  # A domain has no case.
        kinds = {(one["asp_id"], one["kind"]) for one in organizations.sent("annexes")}
        assert {(key["asp_id"], key["kind"]) for key in generated.manifest["keys"]} <= kinds
        assert make.pairs(organizations.sent("unknown_keys")) == make.pairs(generated.manifest["unknown_keys"])

    def test_sends_up_to_five_hundred_structures_with_their_annexes(self, bench, files_dir, organizations):
        run = make.import_files(bench, files_dir, make.delivery(structures=1100).files, answering=organizations)
        numbers = sorted(number for _, number in organizations.received)
        assert numbers == [1, 2, 3] and run.batch_count == 3
        for batch in organizations.received.values():
            assert len(asp_ids(batch)) <= 500
        homes = [asp_ids(batch) for _, batch in by_number(organizations)]
        assert len(set().union(*homes)) == sum(map(len, homes))  # All that is of a structure travels together.

    def test_lists_what_is_set_aside_with_its_line(self, bench, files_dir, generated):
        run = make.import_files(bench, files_dir, generated.files)
        found = {(one.view, one.line_number, one.code) for one in make.rejects(bench, run)["items"]}
        planted = {
            (trap["view"], trap["line"], trap["reason"]) for trap in generated.manifest["traps"] if trap["outcome"] == "rejected"
        }
        assert planted and planted <= found

    def test_lists_what_is_odd_and_taken_all_the_same(self, bench, files_dir, generated):
        run = make.import_files(bench, files_dir, generated.files)
        remarks = make.remarks(bench, run)
        found = {(one.view, one.line_number, one.code) for one in remarks["items"]}
        odd = [trap for trap in generated.manifest["traps"] if trap["reason"] and trap["outcome"] == "kept"]
        assert {trap["trap"] for trap in odd} >= {"space_in_email", "wrong_check_digit"}
        assert {(trap["view"], trap["line"], trap["reason"]) for trap in odd} <= found
        assert remarks["total_count"] == run.remark_count == len(remarks["items"])

    def test_tells_what_each_view_was(self, bench, files_dir):
        generated = make.delivery(structures=60, envelope=Envelope.NO_FIN)
        run = make.import_files(bench, files_dir, generated.files)
        assert [(view.view, view.record_count, view.has_fin) for view in run.views] == [
            ("Structure", generated.manifest["records"]["Structure"], True),
            ("AnnexeFinanciere", generated.manifest["records"]["AnnexeFinanciere"], False),
        ]

    def test_leaves_unknown_what_an_unreadable_row_may_have_told_of(self, bench, files_dir, organizations):
        """Of the last applied delivery, what is missing now: organizations keeps it."""
        structures, kept = [record(S), record(S, asp_id="9")], record(A)
        gone = record(A, asp_id="9", number_prefix="ACI054260099")
        for annexes in ([kept, gone], [kept, record(A, asp_id="illisible")]):
            organizations.received.clear()
            files = {"structures": text(S, *structures), "annexes": text(A, *annexes)}
            assert make.import_files(bench, files_dir, files, answering=organizations, bad_share=1).state == RunState.APPLIED
        assert make.pairs(organizations.sent("unknown_keys")) == {(9, "ACI")}

    def test_removes_the_uploaded_files(self, bench, files_dir, generated):
        make.import_files(bench, files_dir, generated.files)
        assert list(files_dir.iterdir()) == []

    def test_waits_while_organizations_applies(self, bench, files_dir, organizations, generated, advance):
        opened = make.run(bench, files_dir, generated.files)
        advance()
        assert make.found(bench, opened).state == RunState.APPLYING
        advance()
        assert make.found(bench, opened).state == RunState.APPLIED

    def test_does_nothing_without_a_run(self, organizations, advance):
        advance()
        assert organizations.calls == []


class TestDryRun:
    def test_ends_with_its_plan(self, bench, files_dir, organizations, generated):
        run = make.import_files(bench, files_dir, generated.files, answering=organizations, is_dry=True)
        assert (run.state, run.summary) == (RunState.PLANNED, make.SUMMARY)
        assert organizations.calls == ["receive_delivery_batch", "plan_delivery"]
        assert (bench.rows(STAGED_ROWS), list(files_dir.iterdir())) == ([], [])

    def test_is_nothing_to_compare_with(self, bench, files_dir):
        make.set_day(bench, NEXT_DAY)
        make.import_files(bench, files_dir, make.delivery(chapter=Chapter.NEXT).files, is_dry=True)
        assert make.import_files(bench, files_dir, make.delivery().files).state == RunState.APPLIED


class TestQueue:
    def test_takes_one_run_after_the_other(self, bench, files_dir, organizations, advance):
        files = make.delivery(traps=False).files
        first, second = (make.run(bench, files_dir, files) for _ in range(2))
        advance()
        assert make.found(bench, first).state == RunState.APPLYING
        waiting = make.found(bench, second)
        assert (waiting.state, waiting.is_queued) == (RunState.RECEIVED, True)
        assert not make.found(bench, first).is_queued
        advance()
        advance()
        assert {make.found(bench, run).state for run in (first, second)} == {RunState.APPLIED}
        order = [str(run_id) for run_id, _ in organizations.received]
        assert order == [str(first.run_id), str(second.run_id)]

    def test_goes_on_behind_a_run_that_is_refused(self, bench, files_dir, generated, advance):
        bad = make.run(bench, files_dir, make.delivery(envelope=Envelope.TRUNCATED).files)
        good = make.run(bench, files_dir, generated.files, is_dry=True)
        advance()
        assert [make.found(bench, run).state for run in (bad, good)] == [RunState.REFUSED, RunState.PLANNED]

    def test_keeps_files_that_a_waiting_run_needs(self, bench, files_dir, generated, advance):
        files = make.stored(files_dir, generated.files)
        runs = [bench.act(make.actions.open_run, make.OPERATOR, files=files, is_dry=dry) for dry in (True, False)]
        advance()
        advance()
        assert [make.found(bench, run).state for run in runs] == [RunState.PLANNED, RunState.APPLIED]
        assert list(files_dir.iterdir()) == []


def other_view(files):
    """The annexes' file twice, once under the structures' name."""
    structures, annexes = sorted(files, key=lambda name: "Structure" not in name)
    return {structures: files[annexes], annexes: files[annexes]}


REFUSED = {
    "truncated": (make.delivery(envelope=Envelope.TRUNCATED).files, "FIN annonce"),
    "Latin-1": (make.delivery(envelope=Envelope.LATIN_1).files, "n'est pas en UTF-8 (octet"),
    "other view": (
        other_view(make.delivery(envelope=Envelope.PLAIN).files),
        "La vue « AnnexeFinanciere » figure plusieurs fois : ",
    ),
    "one file": (dict([sorted(make.delivery().files.items())[0]]), "Aucun fichier de la vue « Structure »"),
    "no delivery": ({"notes.txt": b"bonjour"}, "Aucun fichier de la vue"),
    "empty": (
        {"fluxIAE_Structure_1.csv": b"", "fluxIAE_AnnexeFinanciere_1.csv": b""},
        "Vue « Structure » : le fichier est vide.",
    ),
}


class TestRefusedDelivery:
    @pytest.mark.parametrize(("files", "message"), REFUSED.values(), ids=REFUSED)
    def test_is_refused_whole(self, bench, files_dir, organizations, files, message):
        run = make.import_files(bench, files_dir, files, answering=organizations)
        assert run.state == RunState.REFUSED and message in run.refusal
        assert organizations.calls == []
        assert (bench.rows(STAGED_ROWS), make.rejects(bench, run)["items"], list(files_dir.iterdir())) == ([], [], [])

    def test_says_that_its_file_is_gone(self, bench, files_dir, generated, advance):
        run = make.run(bench, files_dir, generated.files)
        next(files_dir.iterdir()).unlink()
        advance()
        assert make.found(bench, run).refusal == "Le fichier déposé est introuvable ou ne correspond pas à son empreinte."

    def test_is_older_than_the_last_applied(self, bench, files_dir, generated):
        make.set_day(bench, NEXT_DAY)
        make.import_files(bench, files_dir, make.delivery(structures=60, chapter=Chapter.NEXT).files)
        run = make.import_files(bench, files_dir, generated.files)
        assert "du 20/11/2026 à 08:15 est plus ancienne que la dernière appliquée, du 27/11/2026 à 08:15" in run.refusal

    def test_lists_its_bad_rows_when_they_are_too_many(self, bench, files_dir, generated):
        """The first delivery may have them; the operator sees which lines to have mended."""
        make.import_files(bench, files_dir, generated.files)
        make.set_day(bench, NEXT_DAY)
        run = make.import_files(bench, files_dir, make.delivery(structures=60, chapter=Chapter.NEXT).files)
        assert run.state == RunState.REFUSED and "sont à écarter, plus de 1 %" in run.refusal
        assert len(make.rejects(bench, run)["items"]) == run.reject_count > 0
        assert run.run_id not in {row.run_id for row in bench.rows(STAGED_ROWS)}

    def test_lost_its_fin(self, bench, files_dir, generated):
        make.import_files(bench, files_dir, generated.files)
        run = make.import_files(bench, files_dir, make.delivery(structures=60, envelope=Envelope.NO_FIN).files)
        assert re.fullmatch("Vue « AnnexeFinanciere », ligne [0-9]+ : .* : la ligne FIN manque\\.", run.refusal)

    def test_is_of_the_future(self, bench, files_dir):
        run = make.import_files(bench, files_dir, make.delivery(chapter=Chapter.NEXT).files)
        assert "27/11/2026 à 08:15, dans l'avenir : nous sommes le 20/11/2026" in run.refusal


class TestSameFilesAgain:
    def test_are_taken(self, bench, files_dir, organizations):
        """ASP-05, S-01: that nothing changes is for organizations to tell."""
        files = make.delivery(structures=60, traps=False).files
        first = make.import_files(bench, files_dir, files, answering=organizations)
        second = make.import_files(bench, files_dir, files, answering=organizations)
        assert (first.state, second.state) == (RunState.APPLIED, RunState.APPLIED)
        assert organizations.received[first.run_id, 1] == organizations.received[second.run_id, 1]


class TestKilled:
    """S-02: whatever the step after which the process dies, the next one goes on, and sends the same batches."""

    FILES = make.delivery(structures=15, traps=False).files
    STEPS = 28  # Of a run in two batches, its clearing included.

    @pytest.fixture(autouse=True)
    def _small_batches(self, monkeypatch):
        monkeypatch.setattr(domain, "BATCH_STRUCTURES", 10)

    @pytest.fixture
    def mortal(self, bench, files_dir, organizations):
        return lambda lives: Mortal(make.desk(bench, files_dir, organizations), lives)

    @pytest.mark.parametrize("lives", range(STEPS))
    def test_is_resumed(self, bench, files_dir, organizations, advance, mortal, lives):
        opened, working = make.run(bench, files_dir, self.FILES), mortal(lives)
        with pytest.raises(Killed):
            for _ in range(3):
                working.advance()
        for _ in range(3):
            advance()
        run = make.found(bench, opened)
        assert (run.state, run.sent_batch_count) == (RunState.APPLIED, 2)
        assert sorted(number for number, _ in by_number(organizations)) == [1, 2]
        assert len(organizations.sent("structures")) == 15
        assert list(files_dir.iterdir()) == []
        assert bench.rows("SELECT * FROM runs WHERE cleared_at IS NULL") == []

    def test_dies_at_every_step(self, bench, files_dir, mortal):
        """The control: those lives are all the steps there are."""
        make.run(bench, files_dir, self.FILES)
        working = mortal(1000)
        for _ in range(3):
            working.advance()
        assert 1000 - working.lives == self.STEPS


class TestUnavailable:
    @pytest.mark.parametrize("error", [BusIsDown, CallTimedOut, DatabaseIsBusy])
    @pytest.mark.parametrize("verb", ["receive_delivery_batch", "plan_delivery", "get_delivery", "apply_delivery"])
    def test_waits_for_the_next_turn(self, bench, files_dir, organizations, generated, advance, verb, error):
        opened = make.run(bench, files_dir, generated.files)
        organizations.failing[verb] = [error(), error()]
        for _ in range(2):
            advance()
            assert make.found(bench, opened).state not in (RunState.REFUSED, RunState.APPLIED)
        advance()
        advance()
        assert make.found(bench, opened).state == RunState.APPLIED

    def test_sends_a_batch_again_whose_answer_was_lost(self, bench, files_dir, organizations, generated, advance):
        opened = make.run(bench, files_dir, generated.files)
        received = organizations.receive_delivery_batch

        def lose_the_answer(**batch):
            received(**batch)
            organizations.receive_delivery_batch = received
            raise CallTimedOut()

        organizations.receive_delivery_batch = lose_the_answer
        advance()
        assert make.found(bench, opened).state == RunState.STAGED
        advance()
        assert organizations.calls.count("receive_delivery_batch") == 2
        assert make.found(bench, opened).state == RunState.APPLYING


class TestPlanHasChanged:
    def test_is_planned_again(self, bench, files_dir, organizations, generated, advance):
        opened = make.run(bench, files_dir, generated.files)
        organizations.failing["apply_delivery"] = [PlanHasChanged()]
        advance()
        advance()
        assert make.found(bench, opened).state == RunState.APPLIED
        assert organizations.calls.count("plan_delivery") == 2

    def test_is_applied_as_its_new_plan_says(self, bench, files_dir, organizations, generated, advance):
        """Organizations plans again by itself when its rows change between the order and the work."""
        opened = make.run(bench, files_dir, generated.files)
        advance()
        organizations.states[opened.run_id] = DeliveryState.PLANNED
        organizations.plan_versions[opened.run_id] += 1
        advance()
        advance()
        assert make.found(bench, opened).state == RunState.APPLIED
        assert organizations.plan_versions[opened.run_id] == 3


class TestFailure:
    @pytest.mark.parametrize("verb", ["receive_delivery_batch", "plan_delivery", "get_delivery", "apply_delivery"])
    @pytest.mark.parametrize("error", [CallFailed("r"), Invalid(), ZeroDivisionError()])
    def test_ends_the_run_and_tells_the_request(self, bench, files_dir, organizations, generated, advance, verb, error):
        opened = make.run(bench, files_dir, generated.files)
        organizations.failing[verb] = [error]
        advance()
        run = make.found(bench, opened)
        assert run.state == RunState.REFUSED and run.refusal.startswith("Erreur interne (demande test).")
        assert ("vérifiez" in run.refusal) == (verb in ("get_delivery", "apply_delivery"))
        assert (bench.rows(STAGED_ROWS), list(files_dir.iterdir())) == ([], [])

    def test_is_met_where_organizations_has_lost_the_delivery(self, bench, files_dir, organizations, generated, advance):
        opened = make.run(bench, files_dir, generated.files)
        advance()
        organizations.states[opened.run_id] = DeliveryState.RECEIVING
        advance()
        assert make.found(bench, opened).state == RunState.REFUSED


def test_says_how_long_five_thousand_structures_take(bench, files_dir, organizations, capsys):
    """Read, judged and staged; prints, never asserts on time."""
    files = make.delivery(structures=5000).files
    run = make.run(bench, files_dir, files)
    organizations.failing["receive_delivery_batch"] = [BusIsDown()]
    start = time.perf_counter()
    advance_runs(make.desk(bench, files_dir, organizations))
    staged = time.perf_counter() - start
    advance_runs(make.desk(bench, files_dir, organizations))
    sent = time.perf_counter() - start - staged
    found = make.found(bench, run)
    with capsys.disabled():
        print(f"\n5000 structures, {found.read_count} enregistrements : lus et rangés en {staged:.1f} s,", end=" ")
        print(f"{found.batch_count} lots envoyés en {sent:.1f} s")
    assert found.state == RunState.APPLYING and found.batch_count >= 10
