"""Moves runs, one state at a time, each committed before the next: whatever kills the process, the next turn goes on from there.

A delivery is sent whole each time: organizations compares it with its own rows, and a file that has not changed changes nothing.
Once deliveries are large enough for that to matter, only what differs from the last applied one will travel: the staged rows
of that one are kept for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from chassis import log
from chassis.clock import paris_date
from chassis.db import Work
from contracts import organizations
from contracts.errors import Unavailable
from contracts.organizations import PlanHasChanged
from contracts.sync import FileIsMissing
from contracts.vocabulary import DeliveryState, RunState
from services.sync import actions, domain, uploads
from services.sync.asp import FileRefused
from services.sync.models import Run
from services.sync.staging import ReadDelivery, check_delivery, read_delivery

_log = log.get()


class DeliveryIsElsewhere(Exception):
    """Organizations does not know the delivery as far as it had come."""


@dataclass(frozen=True)
class Desk:
    """What moving a run takes: the database, calls in the service's own name, the files."""

    db: Work
    call: Callable[..., Any]
    files_dir: Path
    bad_share: float = domain.BAD_SHARE


def advance_runs(desk: Desk) -> None:
    """Runs have come as far as they can now; those that have ended hold no more personal data."""
    while (run := desk.db.step(actions.find_next_run)) and advance_run(desk, run):
        pass
    clear_ended_runs(desk)


def advance_run(desk: Desk, run: Run) -> bool:
    """Whether the run has moved; otherwise it waits for the next turn."""
    try:
        return _STEPS[run.state](desk, run)
    except (Unavailable, domain.RunHasMoved) as reason:
        _log.warning("run_waits", run_id=str(run.run_id), state=run.state.value, reason=type(reason).__name__)
        return False
    except Exception as error:  # A run that cannot go on may not hold up those behind it.
        _log.error("run_failed", run_id=str(run.run_id), state=run.state.value, **log.describe(error))
        desk.db.step(actions.fail_run, run_id=run.run_id)
        return True


def clear_ended_runs(desk: Desk) -> None:
    """Uploaded files and staged rows go once their run has ended."""
    for run_id, file_ids in desk.db.step(actions.list_uncleared_runs).items():
        uploads.remove_uploads(desk.files_dir, file_ids)
        desk.db.step(actions.clear_run, run_id=run_id)


def _stage(desk: Desk, run: Run) -> bool:
    files, former, now = desk.db.step(actions.prepare_reading, run_id=run.run_id)
    delivery = None
    try:
        delivery = read_delivery(uploads.find_uploads(desk.files_dir, files), former, today=paris_date(now))
        check_delivery(delivery, former, now=now, bad_share=desk.bad_share)
    except FileRefused as refusal:
        _refuse(desk, run.run_id, refusal.message, delivery)
    except (FileIsMissing, domain.DeliveryIsNotTaken) as refusal:
        _refuse(desk, run.run_id, refusal.detail, delivery)
    else:
        desk.db.step(actions.stage_run, run_id=run.run_id, delivery=delivery)
    return True


def _refuse(desk: Desk, run_id: UUID, refusal: str, delivery: ReadDelivery | None) -> None:
    desk.db.step(actions.refuse_run, run_id=run_id, refusal=refusal, delivery=delivery)


def _send(desk: Desk, run: Run) -> bool:
    for number in range(run.sent_batch_count + 1, run.batch_count + 1):
        batch = desk.db.step(actions.list_batch, run_id=run.run_id, number=number)
        desk.call(organizations.receive_delivery_batch, run_id=run.run_id, number=number, **batch)
        desk.db.step(actions.record_sent_batch, run_id=run.run_id, number=number)
    desk.db.step(actions.finish_sending, run_id=run.run_id)
    return True


def _plan(desk: Desk, run: Run) -> bool:
    told = {"run_id": run.run_id, "batch_count": run.batch_count, "extracted_at": run.extracted_at}
    plan = desk.call(organizations.plan_delivery, **told)
    desk.db.step(actions.record_plan, run_id=run.run_id, plan_version=plan["plan_version"], summary=plan["summary"])
    return True


def _ask(desk: Desk, run: Run) -> bool:
    desk.db.step(actions.ask_to_apply, run_id=run.run_id)
    return True


def _apply(desk: Desk, run: Run) -> bool:
    """Ask until organizations has taken the order, then look until it is done."""
    state = desk.call(organizations.get_delivery, run_id=run.run_id)["state"]
    if state == DeliveryState.APPLYING:
        return False
    if state == DeliveryState.APPLIED:
        desk.db.step(actions.finish_run, run_id=run.run_id)
        return True
    if state != DeliveryState.PLANNED:
        raise DeliveryIsElsewhere(state)
    try:
        desk.call(organizations.apply_delivery, run_id=run.run_id, plan_version=run.plan_version)
    except PlanHasChanged:
        desk.db.step(actions.plan_again, run_id=run.run_id)
        return True
    return False


_STEPS: dict[RunState, Callable[[Desk, Run], bool]] = {
    RunState.RECEIVED: _stage,
    RunState.STAGED: _send,
    RunState.SENT: _plan,
    RunState.PLANNED: _ask,
    RunState.APPLYING: _apply,
}
