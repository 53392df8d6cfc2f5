"""The one way into a structure, whatever led there."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.ids import new_id
from chassis.outbox import announce
from contracts.organizations import MemberAdmitted
from contracts.vocabulary import Role
from services.organizations import domain, queries
from services.organizations.models import MagicLink, Membership, Organization


def admit(
    session: Session,
    organization: Organization,
    account_id: UUID,
    wanted: Role,
    *,
    invitation_id: UUID | None = None,
    now: datetime,
) -> Membership:
    """A new member of a structure whose row is locked; its magic links open nothing any more."""
    organization_id = organization.organization_id
    role = domain.role_on_joining(wanted, has_members=queries.has_members(session, organization_id))

    member = Membership(
        membership_id=new_id(),
        organization_id=organization_id,
        account_id=account_id,
        role=role,
        invitation_id=invitation_id,
        joined_at=now,
        updated_at=now,
    )
    session.add(member)
    _close_magic_links(session, organization_id, now)

    announce(
        session,
        MemberAdmitted,
        organization_id=organization_id,
        account_id=account_id,
        role=role,
        invitation_id=invitation_id,
    )
    return member


def _close_magic_links(session: Session, organization_id: UUID, now: datetime) -> None:
    of_structure = sa.and_(MagicLink.organization_id == organization_id, MagicLink.closed_at.is_(None))
    session.execute(sa.update(MagicLink).where(of_structure).values(closed_at=now))
