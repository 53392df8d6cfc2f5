"""How a structure gets its first member: found by its number, a magic link to its official address, a claim."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.ids import new_id
from chassis.outbox import announce
from chassis.subject import Subject
from chassis.tokens import derive_token, token_hash
from contracts import organizations as contract
from contracts.links import LinkIsOver, LinkIsUnknown
from contracts.organizations import (
    MagicLinkIsOver,
    MagicLinkRequested,
    OrganizationNotFound,
    StructureHasMembers,
    StructureHasNoOfficialAddress,
    StructureIsNotActive,
)
from contracts.vocabulary import LinkPurpose, Role
from services.organizations import domain, queries
from services.organizations.actions.admission import admit
from services.organizations.actions.shown import is_active, summary
from services.organizations.models import MagicLink, Membership, Organization
from services.organizations.permissions import check_may

STRUCTURES_SHOWN = 200  # No SIREN has as many.


def find_structures(session: Session, subject: Subject, *, company_number: str) -> dict[str, Any]:
    """Active structures of a SIREN or SIRET: those that can be joined now, and those whose members can invite."""
    check_may(session, subject, contract.find_structures)
    first, last = domain.number_range(company_number)
    found = queries.active_structures(session, first, last, limit=STRUCTURES_SHOWN)
    return {
        "joinable": [summary(structure) for structure, contact in found if contact is None and structure.parent_id is None],
        "taken": [
            {"structure": summary(structure), "contact_account_id": contact}
            for structure, contact in found
            if contact is not None
        ],
    }


def request_magic_link(
    session: Session, subject: Subject, *, organization_id: UUID, token_key: bytes, now: datetime
) -> dict[str, str]:
    """The official address will get a link that lets its reader sign up; former links open as before.

    Anybody may ask: if that ended the former ones, a stranger could keep a structure from ever being joined.
    """
    check_may(session, subject, contract.request_magic_link)
    organization = queries.lock_organization(session, organization_id)  # Two requests count two issues.
    if organization is None or organization.parent_id is not None:  # Antennas are joined by invitation only.
        raise OrganizationNotFound()
    if queries.has_members(session, organization_id):
        raise StructureHasMembers()
    if not is_active(organization, now):
        raise StructureIsNotActive()
    if organization.auth_email is None:
        raise StructureHasNoOfficialAddress()
    issue = queries.latest_issue(session, organization_id) + 1

    link = _new_link(organization_id, issue, token_key, now)
    session.add(link)

    announce(
        session,
        MagicLinkRequested,
        organization_id=organization_id,
        magic_link_id=link.magic_link_id,
        issue=issue,
        structure_name=domain.display_name(organization.name, organization.brand),
        siret=organization.siret,
        kind=organization.kind,
    )
    return {"masked_email": domain.masked_email(organization.auth_email)}


def get_magic_link(session: Session, subject: Subject, *, token: str, now: datetime) -> dict[str, Any]:
    """What a magic link opens; nothing changes by looking."""
    check_may(session, subject, contract.get_magic_link)
    link = queries.magic_link_with_hash(session, token_hash(token))
    if link is None:
        raise LinkIsUnknown()
    organization = queries.organization(session, link.organization_id)
    if organization is None or not _opens(link, organization, now):
        raise MagicLinkIsOver()
    return {
        "magic_link_id": link.magic_link_id,
        "issue": link.issue,
        "structure": summary(organization),
        "expires_at": link.expires_at,
    }


def get_mail_link(
    session: Session,
    subject: Subject,
    *,
    purpose: LinkPurpose,
    row_id: UUID,
    issue: int,
    token_key: bytes,
    public_url: str,
    now: datetime,
) -> dict[str, Any]:
    """A magic link as it is mailed, and the structure's official address at this moment."""
    check_may(session, subject, contract.get_mail_link)
    link = queries.magic_link(session, row_id) if purpose == LinkPurpose.MAGIC_LINK else None
    if link is None or link.issue != issue:
        raise LinkIsUnknown()
    organization = queries.organization(session, link.organization_id)
    if organization is None or organization.auth_email is None or not _opens(link, organization, now):
        raise LinkIsOver()
    token = derive_token(token_key, LinkPurpose.MAGIC_LINK, link.magic_link_id, link.issue)
    return {"url": f"{public_url}/rejoindre/{token}", "email": organization.auth_email, "expires_at": link.expires_at}


def claim_structure(session: Session, subject: Subject, *, account_id: UUID, magic_link_id: UUID, now: datetime) -> Membership:
    """Who signed up by a magic link is the structure's administrator, unless somebody else was first."""
    check_may(session, subject, contract.claim_structure, account_id=account_id)
    seen = queries.magic_link(session, magic_link_id)
    if seen is None:
        raise LinkIsUnknown()
    organization = queries.lock_organization(session, seen.organization_id)  # Two claimants come one after the other.
    link = queries.magic_link(session, magic_link_id)
    if organization is None or link is None:
        raise LinkIsUnknown()
    known = queries.membership(session, organization.organization_id, account_id)
    if known:
        return known
    if queries.has_members(session, organization.organization_id):
        raise StructureHasMembers()
    if not domain.is_claim_in_time(expires_at=link.expires_at, closed_at=link.closed_at, now=now):
        raise MagicLinkIsOver()
    if not is_active(organization, now):
        raise StructureIsNotActive()

    return admit(session, organization, account_id, Role.ADMINISTRATOR, now=now)


def _new_link(organization_id: UUID, issue: int, token_key: bytes, now: datetime) -> MagicLink:
    magic_link_id = new_id()
    token = derive_token(token_key, LinkPurpose.MAGIC_LINK, magic_link_id, issue)
    return MagicLink(
        magic_link_id=magic_link_id,
        organization_id=organization_id,
        issue=issue,
        token_hash=token_hash(token),
        created_at=now,
        expires_at=now + domain.MAGIC_LINK_LIFETIME,
    )


def _opens(link: MagicLink, organization: Organization, now: datetime) -> bool:
    is_open = domain.is_link_open(expires_at=link.expires_at, closed_at=link.closed_at, now=now)
    return is_open and is_active(organization, now)
