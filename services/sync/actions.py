"""What sync does: the operator's requests, then the steps of a run, each true again when repeated after a crash."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import log
from chassis.ids import new_id
from chassis.subject import Subject
from contracts import sync as contract
from contracts.sync import FindingLevel, RunNotFound
from contracts.vocabulary import RunState
from services.sync import domain, queries, staging
from services.sync.asp import View
from services.sync.models import Run, RunFile, RunFinding, StagedAnnex, StagedStructure, StagedUnknownKey
from services.sync.permissions import check_may
from services.sync.staging import Former, ReadDelivery

MOST_LISTED = 10_000  # Findings in one answer: a quarter of what a message may hold.
LONGEST_REFUSAL = 2000

_log = log.get()


def open_run(session: Session, subject: Subject, *, files: Sequence[Mapping[str, Any]], is_dry: bool, now: datetime) -> Run:
    """A run waits its turn, with the files that it will read."""
    check_may(subject, contract.open_run)
    domain.check_any_file(files)

    run = Run(
        run_id=new_id(),
        state=RunState.RECEIVED,
        is_dry=is_dry,
        read_count=0,
        reject_count=0,
        remark_count=0,
        batch_count=0,
        sent_batch_count=0,
        opened_at=now,
    )
    session.add(run)
    session.flush()
    session.add_all(RunFile(run_id=run.run_id, position=position, **file) for position, file in enumerate(files, 1))
    session.refresh(run)
    return run


def get_run(session: Session, subject: Subject, *, run_id: UUID) -> Run:
    """Where a run stands."""
    check_may(subject, contract.get_run)
    return _known(queries.run(session, run_id))


def list_rejects(session: Session, subject: Subject, *, run_id: UUID, after: int = 0, limit: int) -> dict[str, Any]:
    """The records set aside, in the order of the files, from after a position."""
    check_may(subject, contract.list_rejects)
    run = _known(queries.run(session, run_id))
    return {"items": _page(session, run, FindingLevel.REJECT, after, limit), "total_count": run.reject_count}


def list_remarks(session: Session, subject: Subject, *, run_id: UUID, after: int = 0, limit: int) -> dict[str, Any]:
    """What is odd in records that are taken, in the order of the files, from after a position."""
    check_may(subject, contract.list_remarks)
    run = _known(queries.run(session, run_id))
    return {"items": _page(session, run, FindingLevel.REMARK, after, limit), "total_count": run.remark_count}


def find_next_run(session: Session, subject: Subject) -> Run | None:
    """The run to move, the one in hand or else the oldest: each is compared with what was applied before it."""
    return queries.oldest_open_run(session)


def prepare_reading(
    session: Session, subject: Subject, *, run_id: UUID, now: datetime
) -> tuple[list[dict[str, Any]], Former, datetime]:
    """A run's files, what was last applied, and the time."""
    _allow_time(session)
    files = [
        {name: getattr(file, name) for name in ("file_id", "name", "size", "sha256")} for file in queries.files(session, run_id)
    ]
    return files, _former(session), now


def stage_run(session: Session, subject: Subject, *, run_id: UUID, delivery: ReadDelivery) -> None:
    """What was read stands in the staging tables, whole."""
    run = queries.lock_run(session, run_id)
    state = domain.move(run.state, "stage")
    _allow_time(session)

    run.state = state
    _count(run, delivery)
    run.extracted_at = domain.extraction_of(delivery.views, run.opened_at)
    run.batch_count = staging.copy_delivery(session, run_id, delivery)
    _log.info(
        "run_staged", run_id=str(run_id), read_count=run.read_count, reject_count=run.reject_count, batch_count=run.batch_count
    )


def refuse_run(
    session: Session, subject: Subject, *, run_id: UUID, refusal: str, delivery: ReadDelivery | None = None, now: datetime
) -> None:
    """The delivery is refused whole; of what was read only the findings are kept, so that the lines can be mended."""
    run = queries.lock_run(session, run_id)
    _end(run, "refuse", now)

    run.refusal = staging.printable(refusal, LONGEST_REFUSAL)
    if delivery:
        _count(run, delivery)
        staging.copy_findings(session, run_id, delivery, most=staging.KEPT_FINDINGS)
    _log.info("run_refused", run_id=str(run_id))


def fail_run(session: Session, subject: Subject, *, run_id: UUID, now: datetime) -> None:
    """A run that met what nobody foresaw ends; the log tells more under the request's id."""
    run = queries.lock_run(session, run_id)
    was_applying = run.state == RunState.APPLYING
    _end(run, "refuse", now)

    run.refusal = f"Erreur interne (demande {session.info['request_id']})."
    if was_applying:
        run.refusal += " L'application était demandée : vérifiez si elle a eu lieu."


def list_batch(session: Session, subject: Subject, *, run_id: UUID, number: int) -> dict[str, Any]:
    """What a batch carries: the same whenever it is asked."""
    return {
        "structures": queries.batch(session, StagedStructure, run_id, number),
        "annexes": queries.batch(session, StagedAnnex, run_id, number),
        "unknown_keys": queries.batch(session, StagedUnknownKey, run_id, number),
    }


def record_sent_batch(session: Session, subject: Subject, *, run_id: UUID, number: int) -> None:
    """One more batch has arrived."""
    run = queries.lock_run(session, run_id)
    domain.move(run.state, "send")
    run.sent_batch_count = number


def finish_sending(session: Session, subject: Subject, *, run_id: UUID) -> None:
    """All batches have arrived."""
    run = queries.lock_run(session, run_id)
    run.state = domain.move(run.state, "send")


def record_plan(
    session: Session, subject: Subject, *, run_id: UUID, plan_version: int, summary: Mapping[str, Any], now: datetime
) -> None:
    """What applying would change is known; a dry run ends here."""
    run = queries.lock_run(session, run_id)
    run.state, run.plan_version, run.summary = domain.move(run.state, "plan"), plan_version, dict(summary)
    run.ended_at = now if domain.has_ended(run.state, is_dry=run.is_dry) else None
    _log.info("run_planned", run_id=str(run_id), plan_version=plan_version)


def ask_to_apply(session: Session, subject: Subject, *, run_id: UUID) -> None:
    """From here on the plan may be applied."""
    run = queries.lock_run(session, run_id)
    run.state = domain.move(run.state, "apply")


def plan_again(session: Session, subject: Subject, *, run_id: UUID) -> None:
    """The plan no longer fits: another is needed before anything is applied."""
    run = queries.lock_run(session, run_id)
    run.state = domain.move(run.state, "plan_again")


def finish_run(session: Session, subject: Subject, *, run_id: UUID, now: datetime) -> None:
    """The delivery is applied: later ones are compared with it."""
    run = queries.lock_run(session, run_id)
    _end(run, "finish", now)
    _log.info("run_applied", run_id=str(run_id))


def list_uncleared_runs(session: Session, subject: Subject) -> dict[UUID, Sequence[UUID]]:
    """Runs that have ended, and the files that can go with each."""
    return {run_id: queries.removable_file_ids(session, run_id) for run_id in queries.uncleared_run_ids(session)}


def clear_run(session: Session, subject: Subject, *, run_id: UUID, now: datetime) -> None:
    """No staged row is left but the last applied delivery's, which the next one is compared with."""
    _allow_time(session)
    run = queries.lock_run(session, run_id)

    queries.delete_staged_rows(session, kept_run_id=queries.last_applied_run_id(session))
    run.cleared_at = now


def list_needed_uploads(session: Session, subject: Subject, *, now: datetime) -> tuple[set[UUID], datetime]:
    """Files that open runs name, and the time before which others are forgotten."""
    return set(queries.needed_file_ids(session)), domain.last_forgotten(now)


def _known(run: Run | None) -> Run:
    if run is None:
        raise RunNotFound()
    return run


def _page(session: Session, run: Run, level: FindingLevel, after: int, limit: int) -> Sequence[RunFinding]:
    return queries.findings(session, run.run_id, level, after=after, limit=min(max(limit, 0), MOST_LISTED))


def _count(run: Run, delivery: ReadDelivery) -> None:
    run.read_count, run.reject_count, run.remark_count = delivery.read_count, delivery.reject_count, delivery.remark_count


def _end(run: Run, verb: str, now: datetime) -> None:
    run.state = domain.move(run.state, verb)
    run.ended_at = now


def _former(session: Session) -> Former:
    run_id = queries.last_applied_run_id(session)
    if run_id is None:
        return Former()
    return Former(
        views={view.view: view for view in queries.views(session, run_id)},
        keys={
            View.STRUCTURE: {(asp_id, None, "") for asp_id in queries.structure_keys(session, run_id)},
            View.ANNEX: {tuple(key) for key in queries.annex_keys(session, run_id)},
        },
    )


def _allow_time(session: Session) -> None:
    """A whole delivery takes longer than the statements of ordinary requests."""
    session.execute(sa.text("SET LOCAL statement_timeout = '5min'"))
