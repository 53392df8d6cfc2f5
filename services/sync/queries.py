"""What sync reads."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from contracts.sync import FindingLevel
from contracts.vocabulary import RunState
from services.sync.models import STAGED, Run, RunFile, RunFinding, RunView, StagedAnnex, StagedStructure, StagedUnknownKey

_NEEDED = sa.select(RunFile.file_id).join(Run, Run.run_id == RunFile.run_id).where(Run.ended_at.is_(None))


def run(session: Session, run_id: UUID) -> Run | None:
    return session.get(Run, run_id)


def lock_run(session: Session, run_id: UUID) -> Run:
    """One run that is known to exist, held until the end of the transaction."""
    return session.scalars(sa.select(Run).where(Run.run_id == run_id).with_for_update()).one()


def oldest_open_run(session: Session) -> Run | None:
    """The run in hand; without one, the first of the queue."""
    in_hand_first = sa.case((Run.state == RunState.RECEIVED, 1), else_=0)
    return session.scalar(
        sa.select(Run).where(Run.ended_at.is_(None)).order_by(in_hand_first, Run.opened_at, Run.run_id).limit(1)
    )


def files(session: Session, run_id: UUID) -> Sequence[RunFile]:
    return session.scalars(sa.select(RunFile).where(RunFile.run_id == run_id).order_by(RunFile.position)).all()


def views(session: Session, run_id: UUID) -> Sequence[RunView]:
    return session.scalars(sa.select(RunView).where(RunView.run_id == run_id)).all()


def findings(session: Session, run_id: UUID, level: FindingLevel, *, after: int, limit: int) -> Sequence[RunFinding]:
    """In the order of the files, from after a position: structures first, then line by line."""
    found = sa.select(RunFinding).where(RunFinding.run_id == run_id, RunFinding.level == level, RunFinding.position > after)
    return session.scalars(found.order_by(RunFinding.position).limit(limit)).all()


def last_applied_run_id(session: Session) -> UUID | None:
    applied = sa.select(Run.run_id).where(Run.state == RunState.APPLIED)
    return session.scalar(applied.order_by(Run.ended_at.desc(), Run.run_id.desc()).limit(1))


def structure_keys(session: Session, run_id: UUID) -> Sequence[int]:
    """The structures that a delivery told of, those that it left unknown included."""
    told, unknown = StagedStructure, StagedUnknownKey
    keys = sa.union(
        sa.select(told.asp_id).where(told.run_id == run_id), sa.select(unknown.asp_id).where(unknown.run_id == run_id)
    )
    return session.scalars(keys).all()


def annex_keys(session: Session, run_id: UUID) -> Sequence[Any]:
    """(asp_id, kind, number) of each annex that a delivery told of."""
    annex = StagedAnnex
    return session.execute(sa.select(annex.asp_id, annex.kind, annex.number).where(annex.run_id == run_id)).all()


def batch(session: Session, model: type[Any], run_id: UUID, number: int) -> Sequence[Any]:
    """One kind of staged rows of a batch, always in the same order."""
    found = sa.select(model).where(model.run_id == run_id, model.batch_number == number)
    return session.scalars(found.order_by(*sa.inspect(model).primary_key)).all()


def uncleared_run_ids(session: Session) -> Sequence[UUID]:
    """Runs that have ended and still have files or rows."""
    return session.scalars(sa.select(Run.run_id).where(Run.ended_at.is_not(None), Run.cleared_at.is_(None))).all()


def removable_file_ids(session: Session, run_id: UUID) -> Sequence[UUID]:
    """A run's files that no open run needs."""
    return session.scalars(
        sa.select(RunFile.file_id).where(RunFile.run_id == run_id, RunFile.file_id.not_in(_NEEDED)).distinct()
    ).all()


def needed_file_ids(session: Session) -> Sequence[UUID]:
    """Uploaded files that an open run names."""
    return session.scalars(_NEEDED).all()


def delete_staged_rows(session: Session, kept_run_id: UUID | None) -> None:
    """Staged rows of every run that has ended are gone, but for one run's."""
    ended = sa.select(Run.run_id).where(Run.ended_at.is_not(None), Run.run_id.is_distinct_from(kept_run_id))
    for model in STAGED:
        session.execute(sa.delete(model).where(model.run_id.in_(ended)))
