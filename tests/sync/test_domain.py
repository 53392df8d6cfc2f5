"""The rules of a run, on plain values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.sync import FileIsMissing
from contracts.vocabulary import SIAE_KINDS, RunState, StructureKind
from services.sync import domain
from services.sync.domain import ReadView

STAMP = datetime(2026, 11, 20, 7, 15, tzinfo=UTC)
READ = ReadView(
    "Structure", STAMP, record_count=1000, row_count=990, reject_count=10, remark_count=0, has_fin=True, ends_on_whole_line=True
)


class TestMove:
    def test_leads_from_received_to_applied(self):
        state = RunState.RECEIVED
        for verb in ("stage", "send", "plan", "apply", "finish"):
            state = domain.move(state, verb)
        assert state == RunState.APPLIED

    def test_goes_back_to_be_planned_again(self):
        assert domain.move(RunState.APPLYING, "plan_again") == RunState.SENT

    @pytest.mark.parametrize("state", [state for state in RunState if state not in (RunState.APPLIED, RunState.REFUSED)])
    def test_may_be_refused_until_it_has_ended(self, state):
        assert domain.move(state, "refuse") == RunState.REFUSED

    @pytest.mark.parametrize("state", [RunState.APPLIED, RunState.REFUSED])
    def test_leads_nowhere_from_an_end(self, state):
        for verb in {verb for _, verb in domain.MOVES}:
            with pytest.raises(domain.RunHasMoved):
                domain.move(state, verb)

    def test_does_not_skip_a_state(self):
        with pytest.raises(domain.RunHasMoved):
            domain.move(RunState.RECEIVED, "apply")


class TestHasEnded:
    @pytest.mark.parametrize("state", RunState)
    def test_is_true_of_the_ends(self, state):
        ends = {RunState.APPLIED, RunState.REFUSED}
        assert domain.has_ended(state, is_dry=False) == (state in ends)
        assert domain.has_ended(state, is_dry=True) == (state in ends | {RunState.PLANNED})


class TestCheckAnyFile:
    def test_refuses_a_run_of_nothing(self):
        with pytest.raises(FileIsMissing):
            domain.check_any_file([])
        domain.check_any_file([{}])


def check_view(read, applied, *, now=STAMP, **settings):
    domain.check_view(read, applied, now=now, **settings)


class TestCheckView:
    def test_takes_the_same_file_again(self):
        """ASP-05: importing the same files again changes nothing, so it is allowed."""
        check_view(READ, READ)

    @pytest.mark.parametrize("applied", [None, READ])
    def test_refuses_a_stamp_in_the_future(self, applied):
        """Taken, it would make an older one of every delivery until that day."""
        check_view(READ, applied, now=STAMP - timedelta(days=1))
        with pytest.raises(domain.DeliveryIsFromTheFuture) as refusal:
            check_view(READ, applied, now=STAMP - timedelta(days=1, seconds=1))
        assert refusal.value.detail == (
            "Vue « Structure » : la ligne DEB date la livraison du 20/11/2026 à 08:15, dans l'avenir : "
            "nous sommes le 19/11/2026 à 08:14."
        )

    @pytest.mark.parametrize(("count", "is_taken"), [(9, True), (10, True), (11, False)])
    def test_takes_one_bad_row_in_a_hundred(self, count, is_taken):
        """S-05, and exactly 1 % is not more than 1 %."""
        read = replace(READ, reject_count=count)
        if is_taken:
            check_view(read, READ)
        else:
            with pytest.raises(domain.TooManyBadRows, match="11 lignes sur 1000 sont à écarter, plus de 1 %"):
                check_view(read, READ)

    def test_takes_any_share_of_bad_rows_the_first_time(self):
        check_view(replace(READ, reject_count=500, row_count=500), None)

    def test_takes_another_share_where_it_is_set(self):
        check_view(replace(READ, reject_count=30), READ, bad_share=0.05)

    def test_refuses_a_file_of_bad_rows_only_even_the_first_time(self):
        with pytest.raises(domain.FileHasNoUsableRow):
            check_view(replace(READ, row_count=0, reject_count=1000), None)

    def test_refuses_what_is_older_than_the_last_applied(self):
        with pytest.raises(domain.DeliveryIsOlderThanApplied) as refusal:
            check_view(READ, replace(READ, extracted_at=STAMP + timedelta(days=7)))
        assert refusal.value.detail == (
            "Vue « Structure » : la livraison du 20/11/2026 à 08:15 est plus ancienne que la dernière appliquée, "
            "du 27/11/2026 à 08:15."
        )

    def test_takes_a_file_without_a_stamp(self):
        check_view(replace(READ, extracted_at=None), READ)
        check_view(READ, replace(READ, extracted_at=None))

    def test_refuses_a_last_line_that_may_be_cut(self):
        with pytest.raises(domain.FileMayBeCut):
            check_view(replace(READ, has_fin=False, ends_on_whole_line=False), None)

    @pytest.mark.parametrize(("count", "is_taken"), [(980, True), (979, False)])
    def test_refuses_a_file_without_fin_that_has_shrunk(self, count, is_taken):
        read = replace(READ, has_fin=False, record_count=count, reject_count=0)
        if is_taken:
            check_view(read, READ)
        else:
            with pytest.raises(domain.FileMayBeCut, match="979 enregistrements au lieu de 1000"):
                check_view(read, READ)

    def test_takes_a_file_with_fin_however_small(self):
        """Vanished structures are for organizations to judge."""
        check_view(replace(READ, record_count=1, row_count=1, reject_count=0), READ)


class TestNumberBatches:
    def test_numbers_up_to_five_hundred_structures_in_order(self):
        batches = domain.number_batches(dict.fromkeys(range(1200, 0, -1), 2))
        assert [batches[asp_id] for asp_id in (1, 500, 501, 1000, 1001, 1200)] == [1, 1, 2, 2, 3, 3]

    def test_closes_a_batch_that_has_many_annexes(self):
        assert domain.number_batches({1: 3000, 2: 2000, 3: 1, 4: 9000, 5: 0}) == {1: 1, 2: 1, 3: 2, 4: 3, 5: 4}

    def test_numbers_nothing_of_nothing(self):
        assert domain.number_batches({}) == {}


class TestKeysOf:
    def test_are_of_the_kind_that_could_be_read(self):
        assert domain.keys_of(1, StructureKind.ACI) == {(1, StructureKind.ACI)}

    def test_are_of_every_kind_otherwise(self):
        assert domain.keys_of(1, None) == {(1, kind) for kind in SIAE_KINDS}


class TestDoubtfulKeys:
    def test_are_those_of_what_is_no_more_there(self):
        ei, aci = StructureKind.EI, StructureKind.ACI
        former = {(1, ei, "a"), (1, aci, "b"), (2, ei, "c"), (3, ei, "d")}
        assert domain.doubtful_keys(former, {(1, ei, "a"), (3, ei, "d"), (4, ei, "e")}) == {(1, aci), (2, ei)}

    def test_are_of_every_kind_of_a_body(self):
        assert domain.doubtful_keys({(1, None, ""), (2, None, "")}, {(1, None, "")}) == domain.keys_of(2, None)


class TestLastForgotten:
    def test_is_a_day_ago(self):
        """Architecture 8."""
        assert domain.last_forgotten(STAMP) == STAMP - timedelta(hours=24)


class TestExtractionOf:
    def test_is_the_oldest_stamp(self):
        views = [READ, replace(READ, extracted_at=STAMP - timedelta(hours=1)), replace(READ, extracted_at=None)]
        assert domain.extraction_of(views, STAMP) == STAMP - timedelta(hours=1)

    def test_is_the_opening_where_there_is_none(self):
        assert domain.extraction_of([replace(READ, extracted_at=None)], STAMP) == STAMP
