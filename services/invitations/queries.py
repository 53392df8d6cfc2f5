"""What invitations reads, named by what it returns."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.locks import lock_number
from services.invitations.domain import ACCEPTING, PENDING
from services.invitations.models import Invitation, InvitationLink

LISTED = 200
SWEPT = 50  # In one turn.


def lock_inviting(session: Session, organization_id: UUID) -> None:
    """Hold an organization's right to send, until the end of the transaction."""
    number = lock_number(f"inviting|{organization_id}")
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


def lock_pending(session: Session, organization_id: UUID, email_keys: Collection[str]) -> Sequence[Invitation]:
    """The organization's unanswered invitations to some addresses, held; whether they expired does not matter."""
    pending = sa.select(Invitation).where(
        Invitation.organization_id == organization_id, Invitation.state == PENDING, Invitation.email_key.in_(email_keys)
    )
    return session.scalars(pending.order_by(Invitation.invitation_id).with_for_update()).all()


def pending_count(session: Session, organization_id: UUID, now: datetime, *, besides: Collection[str]) -> int:
    """How many of the organization's invitations wait for an answer, those to some addresses left out."""
    count = sa.select(sa.func.count()).select_from(Invitation)
    waiting = count.where(Invitation.organization_id == organization_id, Invitation.state == PENDING, Invitation.expires_at > now)
    return session.scalars(waiting.where(Invitation.email_key.not_in(besides))).one()


def invitation(session: Session, invitation_id: UUID) -> Invitation | None:
    """One invitation."""
    return session.get(Invitation, invitation_id)


def lock_invitation(session: Session, invitation_id: UUID) -> Invitation:
    """One invitation that is known to be there, held until the end of the transaction."""
    return session.get_one(Invitation, invitation_id, with_for_update=True)


def invitation_of_link(session: Session, token_hash: bytes, *, held: bool = False) -> tuple[Invitation, int] | None:
    """The invitation that a link was given out for, and the issue that it belongs to."""
    opened = sa.select(Invitation, InvitationLink.issue).join(InvitationLink).where(InvitationLink.token_hash == token_hash)
    row = session.execute(opened.with_for_update(of=Invitation) if held else opened).one_or_none()
    return None if row is None else (row[0], row[1])


def invitations_of(session: Session, organization_id: UUID, now: datetime) -> Sequence[Invitation]:
    """An organization's invitations: those under way from the oldest on, then the others from the latest on."""
    waits = (Invitation.state == ACCEPTING) | ((Invitation.state == PENDING) & (Invitation.expires_at > now))
    age = sa.func.extract("epoch", Invitation.sent_at)
    order = (waits.desc(), sa.case((waits, age), else_=-age), Invitation.invitation_id)
    mine = sa.select(Invitation).where(Invitation.organization_id == organization_id)
    return session.scalars(mine.order_by(*order).limit(LISTED)).all()


def abandoned_acceptances(session: Session, begun_before: datetime) -> Sequence[Invitation]:
    """Invitations whose acceptance began a while ago and never ended, oldest first."""
    begun = sa.select(Invitation).where(Invitation.state == ACCEPTING, Invitation.begun_at < begun_before)
    return session.scalars(begun.order_by(Invitation.begun_at).limit(SWEPT)).all()
