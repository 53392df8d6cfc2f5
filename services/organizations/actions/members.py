"""Who acts for which structure."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.subject import Subject
from contracts import organizations as contract
from contracts.errors import Forbidden, Invalid
from contracts.organizations import GraceIsOver, OrganizationNotFound, StructureIsNotActive
from contracts.vocabulary import AccountKind, Role
from services.organizations import domain, queries
from services.organizations.actions.admission import admit
from services.organizations.actions.shown import is_active, is_open, summary
from services.organizations.models import Membership
from services.organizations.permissions import check_may

PAGE = 50


def get_standing(session: Session, subject: Subject, *, organization_id: UUID, now: datetime) -> dict[str, Any]:
    """What a structure is and may do now, and what who asks is in it: told to its own people, and for invitations."""
    check_may(session, subject, contract.get_standing, organization_id)
    organization = queries.organization(session, organization_id)
    if organization is None:
        raise OrganizationNotFound()
    account_id = subject.account_id
    return {
        "organization_id": organization_id,
        "display_name": domain.display_name(organization.name, organization.brand),
        "kind": organization.kind,
        "account_kind": AccountKind.EMPLOYER,
        "is_active": is_active(organization, now),
        "is_open": is_open(organization, now),
        "role": queries.role(session, organization_id, account_id) if account_id else None,
    }


def admit_member(
    session: Session,
    subject: Subject,
    *,
    organization_id: UUID,
    account_id: UUID,
    role: Role,
    invitation_id: UUID,
    now: datetime,
) -> Membership:
    """Who accepted an invitation is a member; the same invitation admits once."""
    check_may(session, subject, contract.admit_member, organization_id, account_id)
    organization = queries.lock_organization(session, organization_id)  # Two first members come one after the other.
    if organization is None:
        raise OrganizationNotFound()
    earlier = queries.membership_of_invitation(session, invitation_id)
    if earlier and (earlier.organization_id, earlier.account_id) != (organization_id, account_id):
        raise Forbidden()
    known = earlier or queries.membership(session, organization_id, account_id)
    if known:
        return known
    if not is_active(organization, now):
        raise StructureIsNotActive()

    return admit(session, organization, account_id, role, invitation_id=invitation_id, now=now)


def list_members(
    session: Session, subject: Subject, *, organization_id: UUID, cursor: str | None, now: datetime
) -> dict[str, Any]:
    """A structure's members in the order of their joining, to its own people, until its grace is over."""
    check_may(session, subject, contract.list_members, organization_id)
    organization = queries.organization(session, organization_id)
    if organization is None:
        raise OrganizationNotFound()
    if not is_open(organization, now) and not subject.is_staff:
        raise GraceIsOver()
    found = queries.members(session, organization_id, after=_read_cursor(cursor), limit=PAGE + 1)
    is_more = len(found) > PAGE
    return {"items": found[:PAGE], "next_cursor": str(found[PAGE - 1].membership_id) if is_more else None}


def list_my_organizations(session: Session, subject: Subject, *, now: datetime) -> dict[str, Any]:
    """The structures that the person who asks acts for."""
    check_may(session, subject, contract.list_my_organizations)
    mine = queries.organizations_of(session, subject.require_account())
    return {
        "items": [
            {"structure": summary(organization), "role": role, "is_active": is_active(organization, now)}
            for organization, role in mine
        ]
    }


def _read_cursor(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    try:
        return UUID(cursor)
    except ValueError:
        raise Invalid.at("/cursor", "Cette page n'existe pas.") from None
