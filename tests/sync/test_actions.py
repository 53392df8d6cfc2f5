"""The operator's requests, on a real database."""

from uuid import uuid4

import pytest
import sqlalchemy as sa

from chassis.testing.subjects import VISITOR, service
from chassis.wire import dump_result
from contracts import sync as contract
from contracts.errors import Forbidden
from contracts.sync import FileIsMissing, RunNotFound
from contracts.vocabulary import RunState
from services.sync import actions, domain
from services.sync.generator import Chapter
from tests.factories import sync as make
from tests.factories.sync import OPERATOR, SYNC

FILE = {"file_id": uuid4(), "name": "fluxIAE_Structure.csv", "size": 12, "sha256": "ab" * 32}


class TestOpenRun:
    def test_waits_with_its_files(self, bench):
        run = bench.act(actions.open_run, OPERATOR, files=[FILE, FILE | {"name": "autre.csv"}], is_dry=True)
        assert (run.state, run.is_dry, run.summary, run.refusal) == (RunState.RECEIVED, True, None, None)
        rows = bench.rows("SELECT position, name, size FROM run_files ORDER BY position")
        assert [tuple(row) for row in rows] == [(1, "fluxIAE_Structure.csv", 12), (2, "autre.csv", 12)]
        assert bench.announced() == []

    def test_answers_what_the_contract_says(self, bench):
        run = bench.act(actions.open_run, OPERATOR, files=[FILE], is_dry=False)
        answer = dump_result(contract.open_run, run)
        assert set(answer) == set(contract.Run._declared_fields)
        assert (answer["state"], answer["batch_count"]) == ("received", 0)

    def test_opens_one_run_for_one_key(self, bench):
        answers = [bench.change(actions.open_run, OPERATOR, contract.open_run, "key-1", files=[FILE], is_dry=False)]
        assert [tuple(row) for row in bench.rows("SELECT count(*) FROM runs")] == [(1,)]
        assert answers[0]["run_id"]

    def test_refuses_a_run_of_nothing(self, bench):
        with pytest.raises(FileIsMissing):
            bench.act(actions.open_run, OPERATOR, files=[], is_dry=False)

    @pytest.mark.parametrize("subject", [VISITOR, service("organizations")])
    def test_is_for_the_operator(self, bench, subject):
        with pytest.raises(Forbidden):
            bench.act(actions.open_run, subject, files=[FILE], is_dry=False)
        assert bench.rows("SELECT * FROM runs") == []


class TestGetRun:
    def test_tells_where_a_run_stands(self, bench):
        run = bench.act(actions.open_run, OPERATOR, files=[FILE], is_dry=False)
        assert bench.read(actions.get_run, OPERATOR, run_id=run.run_id).state == RunState.RECEIVED

    def test_knows_no_other_run(self, bench):
        with pytest.raises(RunNotFound):
            bench.read(actions.get_run, OPERATOR, run_id=uuid4())

    def test_is_for_the_operator(self, bench):
        with pytest.raises(Forbidden):
            bench.read(actions.get_run, VISITOR, run_id=uuid4())


class TestListRejects:
    @pytest.fixture
    def run(self, bench, files_dir):
        return make.import_files(bench, files_dir, make.delivery().files)

    def test_lists_them_in_the_order_of_the_files(self, bench, run):
        found = make.rejects(bench, run)
        places = [(one.view, one.line_number) for one in found["items"]]
        assert places == sorted(places, key=lambda place: (place[0] != "Structure", place[1]))
        assert {view for view, _ in places} == {"Structure", "AnnexeFinanciere"}
        assert found["total_count"] == len(places) == run.reject_count

    def test_answers_what_the_contract_says(self, bench, run):
        answer = dump_result(contract.list_rejects, make.rejects(bench, run))
        loaded = contract.list_rejects.gives().load(answer)
        assert all(one["code"] and one["message"] for one in loaded["items"])
        assert {one["level"] for one in loaded["items"]} == {contract.FindingLevel.REJECT}

    def test_goes_on_after_a_position(self, bench, run):
        whole = make.rejects(bench, run)["items"]
        page = bench.read(actions.list_rejects, OPERATOR, run_id=run.run_id, after=whole[1].position, limit=2)
        assert [one.position for one in page["items"]] == [one.position for one in whole[2:4]]

    @pytest.mark.parametrize(("limit", "count"), [(2, 2), (0, 0), (-1, 0)])
    def test_lists_as_many_as_asked(self, bench, run, limit, count):
        found = bench.read(actions.list_rejects, OPERATOR, run_id=run.run_id, limit=limit)
        assert (len(found["items"]), found["total_count"]) == (count, run.reject_count)

    def test_knows_no_other_run(self, bench):
        with pytest.raises(RunNotFound):
            bench.read(actions.list_rejects, OPERATOR, run_id=uuid4(), limit=10)


class TestListRemarks:
    def test_lists_what_is_odd_apart_from_the_rejects(self, bench, files_dir):
        run = make.import_files(bench, files_dir, make.delivery().files)
        loaded = contract.list_remarks.gives().load(dump_result(contract.list_remarks, make.remarks(bench, run)))
        assert {one["level"] for one in loaded["items"]} == {contract.FindingLevel.REMARK}
        assert loaded["total_count"] == len(loaded["items"]) == run.remark_count > 0

    def test_knows_no_other_run(self, bench):
        with pytest.raises(RunNotFound):
            bench.read(actions.list_remarks, OPERATOR, run_id=uuid4(), limit=10)

    def test_is_for_the_operator(self, bench):
        with pytest.raises(Forbidden):
            bench.read(actions.list_remarks, VISITOR, run_id=uuid4(), limit=10)


class TestSteps:
    def test_do_not_move_a_run_that_has_moved(self, bench, files_dir):
        run = make.import_files(bench, files_dir, make.delivery(structures=5).files)
        for action in (actions.finish_sending, actions.ask_to_apply, actions.plan_again, actions.finish_run, actions.fail_run):
            with pytest.raises(domain.RunHasMoved):
                bench.act(action, SYNC, run_id=run.run_id)
        assert make.found(bench, run).state == RunState.APPLIED

    def test_put_one_run_at_a_time_in_hand(self, bench):
        runs = [bench.act(actions.open_run, OPERATOR, files=[FILE], is_dry=False) for _ in range(2)]
        bench.rows("UPDATE runs SET state = 'staged' WHERE run_id = :run_id", run_id=runs[1].run_id)
        assert bench.act(actions.find_next_run, SYNC).run_id == runs[1].run_id
        with pytest.raises(sa.exc.IntegrityError, match="uq_runs_in_progress"):
            bench.rows("UPDATE runs SET state = 'sent' WHERE run_id = :run_id", run_id=runs[0].run_id)

    def test_compare_with_the_run_applied_last(self, bench, files_dir):
        first = make.import_files(bench, files_dir, make.delivery().files)
        make.set_day(bench, make.DAY.replace(day=27))
        second = make.import_files(bench, files_dir, make.delivery(chapter=Chapter.NEXT).files, bad_share=0.5)
        kept = {row.run_id for row in bench.rows("SELECT run_id FROM staged_structures")}
        assert (first.state, second.state, kept) == (RunState.APPLIED, RunState.APPLIED, {second.run_id})
