"""A delivery of the ASP: received in batches, planned, applied in one transaction by a worker. Readers see before or after."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import log
from chassis.clock import paris_date
from chassis.locks import lock_number
from chassis.outbox import announce
from chassis.subject import Subject
from contracts import organizations as contract
from contracts.organizations import DeliveryApplied, DeliveryIsNotComplete, DeliveryNotFound, PlanHasChanged
from contracts.vocabulary import DeliveryState
from services.organizations import plan, queries
from services.organizations.models import (
    Delivery,
    DeliveryBatch,
    IncomingAnnex,
    IncomingStructure,
    IncomingUnknownKey,
)
from services.organizations.permissions import check_may

APPLYING_LOCK = "organizations: apply a delivery"
PLANNING = "55s"  # Less than the caller's deadline.
KEPT_UNAPPLIED = timedelta(days=7)  # A dry run is never applied.
_UNDECIDED = (DeliveryState.RECEIVING, DeliveryState.PLANNED)
_DECIDED = (DeliveryState.APPLYING, DeliveryState.APPLIED)

_log = log.get()


def receive_delivery_batch(
    session: Session,
    subject: Subject,
    *,
    run_id: UUID,
    number: int,
    structures: Sequence[dict[str, Any]],
    annexes: Sequence[dict[str, Any]],
    unknown_keys: Sequence[dict[str, Any]],
    now: datetime,
) -> None:
    """The batch is stored, once for its run and number."""
    check_may(session, subject, contract.receive_delivery_batch)
    delivery = _open_delivery(session, run_id, now)
    is_new = session.scalar(
        insert(DeliveryBatch).values(run_id=run_id, number=number).on_conflict_do_nothing().returning(DeliveryBatch.number)
    )
    if is_new is None or delivery.state in _DECIDED:
        return

    delivery.state = DeliveryState.RECEIVING  # A plan that did not see this batch is no plan.
    _store(session, IncomingStructure, run_id, structures)
    _store(session, IncomingAnnex, run_id, annexes)
    _store(session, IncomingUnknownKey, run_id, unknown_keys)


def plan_delivery(
    session: Session, subject: Subject, *, run_id: UUID, batch_count: int, extracted_at: datetime, now: datetime
) -> Delivery:
    """What applying the delivery would change is counted; nothing has changed."""
    check_may(session, subject, contract.plan_delivery)
    delivery = queries.lock_delivery(session, run_id)
    if delivery is None or queries.batch_count(session, run_id) != batch_count:
        raise DeliveryIsNotComplete()
    if delivery.state not in _DECIDED:
        delivery.extracted_at = extracted_at
        _plan(session, delivery, now)
    return delivery


def plan_again_if_changed(session: Session, subject: Subject, *, run_id: UUID, plan_version: int, now: datetime) -> None:
    """The plan fits the rows as they are now: a new version of it where they have changed."""
    check_may(session, subject, contract.apply_delivery)
    delivery = queries.lock_delivery(session, run_id)
    if delivery is None or delivery.state != DeliveryState.PLANNED or not _has_changed(session, delivery, now):
        return
    _plan(session, delivery, now)


def apply_delivery(session: Session, subject: Subject, *, run_id: UUID, plan_version: int) -> None:
    """The delivery will be applied as that version of its plan says."""
    check_may(session, subject, contract.apply_delivery)
    delivery = queries.lock_delivery(session, run_id)
    if delivery is None:
        raise DeliveryNotFound()
    if delivery.state in _DECIDED and delivery.plan_version == plan_version:
        return
    if delivery.state != DeliveryState.PLANNED or delivery.plan_version != plan_version:
        raise PlanHasChanged()

    delivery.state = DeliveryState.APPLYING


def apply_due_delivery(session: Session, subject: Subject, *, now: datetime) -> None:
    """A delivery that waits is applied, whole; or planned again, where rows have changed since it was approved."""
    if not _is_alone(session):
        return
    delivery = queries.lock_delivery_to_apply(session)
    if delivery is None:
        return
    _allow(session, "0")  # One long transaction: the time-out of ordinary statements is not for it.
    if _has_changed(session, delivery, now):
        _plan(session, delivery, now)
        _log.warning("delivery_planned_again", run_id=str(delivery.run_id), plan_version=delivery.plan_version)
        return

    plan.prepare(session, delivery.run_id, today=paris_date(now), now=now)
    plan.carry_out(session, delivery.run_id, now=now)
    delivery.state, delivery.applied_at = DeliveryState.APPLIED, now

    announce(session, DeliveryApplied, run_id=delivery.run_id, summary=delivery.summary)
    _log.info("delivery_applied", run_id=str(delivery.run_id), **_counts(delivery))


def forget_old_deliveries(session: Session, subject: Subject, *, now: datetime) -> None:
    """Deliveries that nobody applied within a week are gone, with the addresses that they hold."""
    old = sa.and_(Delivery.opened_at < now - KEPT_UNAPPLIED, Delivery.state.in_(_UNDECIDED))
    session.execute(sa.delete(Delivery).where(old))


def get_delivery(session: Session, subject: Subject, *, run_id: UUID) -> Delivery:
    """Where a delivery stands."""
    check_may(session, subject, contract.get_delivery)
    delivery = queries.delivery(session, run_id)
    if delivery is None:
        raise DeliveryNotFound()
    return delivery


def _open_delivery(session: Session, run_id: UUID, now: datetime) -> Delivery:
    opening = {"run_id": run_id, "state": DeliveryState.RECEIVING, "opened_at": now}
    session.execute(insert(Delivery).values(opening).on_conflict_do_nothing())
    delivery = queries.lock_delivery(session, run_id)
    if delivery is None:
        raise DeliveryNotFound()
    return delivery


def _store(session: Session, table: type, run_id: UUID, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        session.execute(insert(table).on_conflict_do_nothing(), [{"run_id": run_id, **row} for row in rows])


def _plan(session: Session, delivery: Delivery, now: datetime) -> None:
    """The delivery is planned; the version grows unless the plan is the same as before."""
    _allow(session, PLANNING)
    today = paris_date(now)
    against = queries.live_digest(session, today)
    plan.prepare(session, delivery.run_id, today=today, now=now)
    summary = plan.summarize(session)
    if (against, summary) != (delivery.planned_against, delivery.summary):
        delivery.plan_version += 1
    delivery.planned_against, delivery.summary, delivery.state = against, summary, DeliveryState.PLANNED


def _has_changed(session: Session, delivery: Delivery, now: datetime) -> bool:
    return queries.live_digest(session, paris_date(now)) != delivery.planned_against


def _is_alone(session: Session) -> bool:
    lock = sa.func.pg_try_advisory_xact_lock(lock_number(APPLYING_LOCK))
    return bool(session.scalar(sa.select(lock)))


def _allow(session: Session, time: str) -> None:
    session.execute(sa.select(sa.func.set_config("statement_timeout", time, True)))


def _counts(delivery: Delivery) -> dict[str, int]:
    return {name: count for name, count in (delivery.summary or {}).items() if isinstance(count, int)}
