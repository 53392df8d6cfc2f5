"""What notifications reads."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from contracts.vocabulary import MailState
from services.notifications.models import Mail


def lock_due_mail(session: Session, now: datetime) -> Mail | None:
    """The mail that waits longest among those that nobody else is taking: queued, or left by a worker whose lease is over."""
    due = sa.select(Mail).where(Mail.next_attempt_at <= now).order_by(Mail.next_attempt_at)
    return session.scalar(due.limit(1).with_for_update(skip_locked=True))


def lock_mail(session: Session, mail_id: UUID) -> Mail | None:
    """One mail, held until the end of the transaction."""
    return session.get(Mail, mail_id, with_for_update=True)


def ended_mail_ids(now: datetime, age: timedelta, limit: int) -> sa.Select[UUID]:
    """Mails whose state is final and that were queued so long ago, oldest first."""
    old = sa.select(Mail.mail_id).where(Mail.queued_at < now - age, Mail.next_attempt_at.is_(None))
    return old.order_by(Mail.queued_at).limit(limit)


def latest_mails(session: Session, state: MailState | None, limit: int) -> Sequence[Mail]:
    """The mails queued last, in one state or in any."""
    mails = sa.select(Mail).order_by(Mail.queued_at.desc(), Mail.mail_id).limit(limit)
    return session.scalars(mails if state is None else mails.where(Mail.state == state)).all()
