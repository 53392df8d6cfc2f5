"""A delivery of the ASP: received, planned, applied, on a real database."""

import pytest
import sqlalchemy as sa

from chassis.locks import lock_number
from contracts import organizations as contract
from contracts.organizations import DeliveryIsNotComplete, DeliveryNotFound, PlanHasChanged
from contracts.vocabulary import DeliveryState, OrganizationSource
from services.organizations import plan
from services.organizations.actions import deliveries
from services.organizations.actions.deliveries import APPLYING_LOCK
from tests.factories.organizations import incoming_annex, incoming_structure, structure
from tests.organizations.delivering import PAST, TIMER, Run, deliver, done, every_kind, live


class TestReceiveDeliveryBatch:
    def test_reads_a_batch_once(self, bench):
        one, two = incoming_structure(), incoming_structure()

        run = Run(bench).send([one], [incoming_annex(one)]).send([two], number=1)

        assert [row.asp_id for row in live(bench, "incoming_structures")] == [one["asp_id"]]
        assert run.state() == DeliveryState.RECEIVING

    def test_keeps_runs_apart(self, bench):
        one = incoming_structure()
        Run(bench).send([one])
        Run(bench).send([one])

        assert len(live(bench, "incoming_structures")) == 2

    def test_makes_an_earlier_plan_void(self, bench):
        run = Run(bench).send([incoming_structure()])
        planned = run.plan()

        run.send([incoming_structure()])

        with pytest.raises(PlanHasChanged):
            run.approve(planned.plan_version)


class TestPlanDelivery:
    def test_counts_and_changes_nothing(self, bench):
        one = incoming_structure()
        run = Run(bench).send([one], [incoming_annex(one), incoming_annex(one)])

        planned = run.plan()

        assert (planned.state, planned.plan_version) == (DeliveryState.PLANNED, 1)
        assert done(planned.summary) == {"structures_created": 1, "conventions_created": 1, "annexes_created": 2}
        assert live(bench) == live(bench, "conventions") == live(bench, "annexes") == []
        assert bench.announced() == []

    def test_refuses_while_batches_are_missing(self, bench):
        run = Run(bench).send([incoming_structure()])

        with pytest.raises(DeliveryIsNotComplete):
            run.plan(batch_count=2)
        with pytest.raises(DeliveryIsNotComplete):
            Run(bench).plan(batch_count=1)

    def test_is_the_same_plan_when_repeated(self, bench):
        run = Run(bench).send([incoming_structure()])

        assert run.plan().plan_version == run.plan().plan_version == 1

    def test_tells_what_was_planned_once_applied(self, bench):
        one = incoming_structure()
        run = Run(bench).send([one], [incoming_annex(one)])
        summary = run.apply()

        assert run.plan().summary == summary
        assert run.state() == DeliveryState.APPLIED

    def test_answers_as_the_contract_says(self, bench):
        run = Run(bench).send([incoming_structure()])

        answer = contract.plan_delivery.gives().dump(run.plan())

        assert answer["plan_version"] == 1
        assert contract.get_delivery.gives().dump(run.get())["state"] == "planned"


class TestApplyDelivery:
    def test_only_marks_it_and_a_worker_applies(self, bench):
        one = incoming_structure()
        run = Run(bench).send([one], [incoming_annex(one)])
        run.approve(run.plan().plan_version)

        assert run.state() == DeliveryState.APPLYING
        assert live(bench) == []
        run.turn()
        assert run.state() == DeliveryState.APPLIED
        assert len(live(bench)) == 1

    def test_is_done_once_however_often_it_is_asked(self, bench):
        one = incoming_structure()
        run = Run(bench).send([one], [incoming_annex(one)])
        run.apply()
        before = live(bench), live(bench, "annexes")

        run.approve(1)
        run.turn()

        assert (live(bench), live(bench, "annexes")) == before
        assert len(bench.announced("organizations.delivery_applied")) == 1

    def test_announces_what_was_applied(self, bench):
        one = incoming_structure()
        run = Run(bench).send([one], [incoming_annex(one)])
        run.apply()

        (event,) = bench.announced()

        assert event["run_id"] == str(run.run_id)
        assert event["summary"]["structures_created"] == 1

    def test_forgets_what_was_delivered(self, bench):
        """X-03: no copy of people's addresses stays."""
        one = incoming_structure()
        deliver(bench, [one], [incoming_annex(one)], unknown=every_kind(7))

        assert live(bench, "incoming_structures") == live(bench, "incoming_annexes") == []
        assert live(bench, "incoming_unknown_keys") == []

    def test_refuses_another_version_of_the_plan(self, bench):
        run = Run(bench).send([incoming_structure()])
        run.plan()

        with pytest.raises(PlanHasChanged):
            run.approve(2)

    def test_refuses_what_it_does_not_know(self, bench):
        with pytest.raises(DeliveryNotFound):
            Run(bench).approve(1)
        with pytest.raises(DeliveryNotFound):
            Run(bench).get()

    def test_refuses_a_plan_made_against_other_rows_and_plans_again(self, bench):
        one = incoming_structure()
        run = Run(bench).send([one], [incoming_annex(one)])
        run.plan()
        structure(bench, siret=one["siret"], source=OrganizationSource.STAFF_CREATED)

        with pytest.raises(PlanHasChanged):
            run.approve(1)

        assert (run.state(), run.get().plan_version) == (DeliveryState.PLANNED, 2)
        assert run.get().summary["held"]["siret_taken"]["count"] == 1

    def test_plans_again_when_rows_change_before_the_worker_comes(self, bench):
        one = incoming_structure()
        run = Run(bench).send([one], [incoming_annex(one)])
        run.plan()
        run.approve(1)
        structure(bench)

        run.turn()

        assert (run.state(), run.get().plan_version) == (DeliveryState.PLANNED, 2)
        assert len(live(bench)) == 1

    def test_of_two_planned_deliveries_the_second_is_planned_again(self, bench):
        one = incoming_structure()
        first, second = (Run(bench).send([one], [incoming_annex(one)]) for _ in range(2))
        second.plan()
        first.apply()

        with pytest.raises(PlanHasChanged):
            second.approve(1)

    def test_of_which_only_annexes_changed_makes_other_plans_void_too(self, bench):
        one = incoming_structure()
        annex = incoming_annex(one)
        Run(bench).send([one], [annex]).apply()
        first, second = (Run(bench).send([one], [annex, incoming_annex(one)]) for _ in range(2))
        second.plan()
        first.apply()

        with pytest.raises(PlanHasChanged):
            second.approve(1)

    def test_leaves_everything_as_it_was_when_it_fails_half_way(self, bench, monkeypatch):
        one = incoming_structure()
        run = Run(bench).send([one], [incoming_annex(one)])
        run.approve(run.plan().plan_version)
        monkeypatch.setattr(plan, "_CARRIED_OUT", (*plan._CARRIED_OUT[:-1], "SELECT 1 / 0"))

        with pytest.raises(Exception, match="division by zero"):
            run.turn()
        assert live(bench) == live(bench, "conventions") == []
        monkeypatch.undo()
        run.turn()
        assert run.state() == DeliveryState.APPLIED

    def test_shows_readers_all_or_nothing(self, bench, monkeypatch):
        one = incoming_structure()
        run = Run(bench).send([one], [incoming_annex(one)])
        run.approve(run.plan().plan_version)
        carry_out, seen = plan.carry_out, []

        def carry_out_then_look(*arguments, **facts):
            carry_out(*arguments, **facts)
            seen.append((live(bench), live(bench, "annexes"), run.state()))

        monkeypatch.setattr(plan, "carry_out", carry_out_then_look)
        run.turn()

        assert seen == [([], [], DeliveryState.APPLYING)]
        assert len(live(bench)) == len(live(bench, "annexes")) == 1

    def test_is_one_worker_at_a_time(self, bench):
        one = incoming_structure()
        run = Run(bench).send([one], [incoming_annex(one)])
        run.approve(run.plan().plan_version)

        with bench.store.engine.begin() as elsewhere:
            elsewhere.execute(sa.text("SELECT pg_advisory_xact_lock(:number)"), {"number": lock_number(APPLYING_LOCK)})
            run.turn()
            assert run.state() == DeliveryState.APPLYING
        run.turn()
        assert run.state() == DeliveryState.APPLIED

    def test_is_not_bound_by_the_time_out_of_ordinary_statements(self, bench, monkeypatch):
        one = incoming_structure()
        run = Run(bench).send([one], [incoming_annex(one)])
        run.approve(run.plan().plan_version)
        seen, carry_out = [], plan.carry_out

        def note_time_out(session, *arguments, **facts):
            seen.append(session.scalar(sa.text("SHOW statement_timeout")))
            carry_out(session, *arguments, **facts)

        monkeypatch.setattr(plan, "carry_out", note_time_out)
        run.turn()

        assert seen == ["0"]

    def test_of_the_same_files_changes_nothing(self, bench):
        """ASP-05."""
        one = incoming_structure()
        annexes = [incoming_annex(one), incoming_annex(one, ends_on=PAST)]
        deliver(bench, [one], annexes)
        before = [live(bench, table) for table in ("organizations", "conventions", "annexes")]

        assert done(deliver(bench, [one], annexes)) == {}
        assert [live(bench, table) for table in ("organizations", "conventions", "annexes")] == before


class TestForgetOldDeliveries:
    """X-03: what a dry run sent does not stay."""

    def test_removes_what_nobody_applied_within_a_week(self, bench):
        one = incoming_structure()
        applied, planned, fresh = (Run(bench).send([one], [incoming_annex(one)], every_kind(3)) for _ in range(3))
        applied.apply()
        planned.plan()
        bench.rows("UPDATE deliveries SET opened_at = opened_at - interval '8 days' WHERE run_id <> :id", id=fresh.run_id)

        bench.act(deliveries.forget_old_deliveries, TIMER)

        assert {row.run_id for row in live(bench, "deliveries")} == {applied.run_id, fresh.run_id}
        assert {row.run_id for row in live(bench, "incoming_structures")} == {fresh.run_id}
