"""What invitations does in its database: read, decide, write, announce."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.ids import new_id
from chassis.outbox import announce
from chassis.subject import Subject
from chassis.tokens import derive_token, token_hash
from contracts import invitations as contract
from contracts.addresses import email_key
from contracts.errors import Refusal, Unauthenticated
from contracts.links import LinkIsOver, LinkIsUnknown
from contracts.vocabulary import AccountKind, InvitationState, LinkPurpose
from services.invitations import domain, queries
from services.invitations.models import Invitation, InvitationLink
from services.invitations.permissions import Standing, check_may


def invite(
    session: Session,
    subject: Subject,
    *,
    organization_id: UUID,
    invitees: list[dict[str, Any]],
    standing: Standing,
    token_key: bytes,
    now: datetime,
) -> dict[str, Any]:
    """One pending invitation a line, or none at all; each replaces the pending one to the same address."""
    check_may(subject, contract.invite, standing)
    domain.check_members_get_in(is_open=standing["is_open"], is_staff=subject.is_staff)
    _check_batch(invitees, standing)
    queries.lock_inviting(session, organization_id)  # Batches come one at a time, or two together could exceed the limit.
    keys = [email_key(invitee["email"]) for invitee in invitees]
    former = queries.lock_pending(session, organization_id, keys)
    waiting_count = queries.pending_count(session, organization_id, now, besides=keys)

    domain.check_there_is_room(len(invitees), pending_count=waiting_count)

    for invitation in former:
        _move(invitation, "replace", now)
    session.flush()  # The former ones leave their place before the new ones take it.
    sent = [_sent(invitee, standing, subject.require_account(), now) for invitee in invitees]
    session.add_all(sent)
    session.flush()
    session.add_all(_link(invitation, token_key) for invitation in sent)

    for invitation in sent:
        _announce_sending(session, invitation)
    return {"items": [_seen_at(now, invitation) for invitation in sent]}


def list_invitations(
    session: Session, subject: Subject, *, organization_id: UUID, standing: Standing, now: datetime
) -> dict[str, Any]:
    """Invitations under way from the oldest on, then the latest others; 200 at most."""
    check_may(subject, contract.list_invitations, standing)
    domain.check_members_get_in(is_open=standing["is_open"], is_staff=subject.is_staff)
    found = queries.invitations_of(session, organization_id, now)
    return {"items": [_seen_at(now, invitation) for invitation in found]}


def get_invitation(session: Session, subject: Subject, *, token: str, now: datetime) -> Invitation:
    """What a link leads to. Changes nothing: mail scanners open links."""
    check_may(subject, contract.get_invitation)
    return _under_way(session, token, now)


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
    """The link of a mail that is about to leave; refused when the invitation no longer waits, or has a later link."""
    check_may(subject, contract.get_mail_link)
    invitation = queries.invitation(session, row_id)
    if purpose is not LinkPurpose.INVITATION or invitation is None or not 1 <= issue <= invitation.issue:
        raise LinkIsUnknown()

    if invitation.issue != issue or _state_at(now, invitation) is not InvitationState.PENDING:
        raise LinkIsOver()

    token = derive_token(token_key, LinkPurpose.INVITATION, row_id, issue)
    return {"url": f"{public_url}/invitation/{token}", "email": invitation.email, "expires_at": invitation.expires_at}


def find_admission(session: Session, subject: Subject, *, token: str, now: datetime) -> tuple[Invitation, datetime]:
    """The invitation that a link lets its reader accept, or says why it no longer can be; and the time."""
    check_may(subject, contract.check_acceptance)
    invitation = _opened(session, token)
    _check_was_not_refused(invitation)
    domain.check_lets_in(_state_at(now, invitation), ended_at=invitation.ended_at, now=now)
    return invitation, now


def find_acceptance(session: Session, subject: Subject, *, token: str) -> UUID:
    """The account that asks to accept; nobody is asked about it for a link that was never given out."""
    check_may(subject, contract.accept_invitation)
    _opened(session, token)
    return subject.require_account()


def begin_acceptance(
    session: Session,
    subject: Subject,
    *,
    token: str,
    contacts: Sequence[dict[str, Any]],
    one_kind_per_email: bool,
    now: datetime,
) -> Invitation:
    """The invitation is being accepted by who asks, and by nobody else; true again when they ask again.

    `contacts` is what accounts tells of who asks.
    """
    invitation = _opened(session, token, held=True)
    account_id = subject.require_account()
    if invitation.account_id == account_id:
        _check_was_not_refused(invitation)
        return invitation

    state = domain.move(_state_at(now, invitation), "accept")
    contact = _open_contact(account_id, contacts)
    domain.check_is_invited(email_key(contact["email"]), invited_key=invitation.email_key)
    domain.check_kind(contact["kind"], wanted=invitation.account_kind, one_kind_per_email=one_kind_per_email)

    invitation.state, invitation.account_id, invitation.begun_at = state, account_id, now
    return invitation


def conclude_acceptance(session: Session, subject: Subject, *, invitation_id: UUID, now: datetime) -> Invitation:
    """Who accepted is a member; the sender is told, once."""
    invitation = queries.lock_invitation(session, invitation_id)

    is_news = _move(invitation, "admit", now)
    invitation.refusal = None

    if is_news:
        announce(
            session,
            contract.InvitationAccepted,
            invitation_id=invitation.invitation_id,
            organization_id=invitation.organization_id,
            organization_name=invitation.organization_name,
            account_id=invitation.account_id,
            sender_account_id=invitation.sender_account_id,
        )
    return invitation


def refuse_acceptance(session: Session, subject: Subject, *, invitation_id: UUID, refusal: str, now: datetime) -> None:
    """The organization cannot be joined: the invitation is over, with the name of the reason; unless it was joined meanwhile."""
    invitation = queries.lock_invitation(session, invitation_id)

    if _move(invitation, "refuse", now):
        invitation.refusal = refusal


def list_abandoned_acceptances(session: Session, subject: Subject, *, now: datetime) -> list[Invitation]:
    """Acceptances that began and whose end nobody waits for any more: a process ended, or a service did not answer."""
    return list(queries.abandoned_acceptances(session, now - domain.ABANDONED_AFTER))


def _check_batch(invitees: list[dict[str, Any]], standing: Standing) -> None:
    domain.check_batch_size(len(invitees))
    domain.check_addresses_differ([email_key(invitee["email"]) for invitee in invitees])
    domain.check_roles_may_be_given([invitee["role"] for invitee in invitees], sender_role=standing["role"])
    domain.check_can_be_joined(is_active=standing["is_active"])


def _sent(invitee: dict[str, Any], standing: Standing, sender_account_id: UUID, now: datetime) -> Invitation:
    return Invitation(
        invitation_id=new_id(),
        organization_id=standing["organization_id"],
        organization_name=standing["display_name"],
        account_kind=AccountKind(standing["account_kind"]),
        sender_account_id=sender_account_id,
        email=invitee["email"],
        email_key=email_key(invitee["email"]),
        first_name=invitee["first_name"],
        last_name=invitee["last_name"],
        role=invitee["role"],
        issue=1,
        state=InvitationState.PENDING,
        sent_at=now,
        expires_at=now + domain.LIFETIME,
    )


def _link(invitation: Invitation, token_key: bytes) -> InvitationLink:
    token = derive_token(token_key, LinkPurpose.INVITATION, invitation.invitation_id, invitation.issue)
    return InvitationLink(token_hash=token_hash(token), invitation_id=invitation.invitation_id, issue=invitation.issue)


def _announce_sending(session: Session, invitation: Invitation) -> None:
    announce(
        session,
        contract.InvitationSent,
        invitation_id=invitation.invitation_id,
        issue=invitation.issue,
        organization_id=invitation.organization_id,
        organization_name=invitation.organization_name,
        sender_account_id=invitation.sender_account_id,
        first_name=invitation.first_name,
        last_name=invitation.last_name,
        expires_at=invitation.expires_at,
    )


def _opened(session: Session, token: str, *, held: bool = False) -> Invitation:
    """The invitation of a link; of an earlier link than its last one, it is over."""
    found = queries.invitation_of_link(session, token_hash(token), held=held)
    if found is None:
        raise LinkIsUnknown()
    invitation, issue = found
    if issue != invitation.issue:
        raise contract.InvitationIsOver()
    return invitation


def _under_way(session: Session, token: str, now: datetime) -> Invitation:
    invitation = _opened(session, token)
    domain.check_is_under_way(_state_at(now, invitation))
    return invitation


def _check_was_not_refused(invitation: Invitation) -> None:
    """Who asks again is told why the organization could not be joined, not only that the invitation is over."""
    if invitation.refusal is not None:
        raise Refusal.named.get(invitation.refusal, contract.InvitationIsOver)()


def _open_contact(account_id: UUID, contacts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What accounts tells of who asks; their account must be open."""
    contact = next((one for one in contacts if one["account_id"] == account_id and one["is_open"]), None)
    if contact is None:
        raise Unauthenticated()
    return contact


def _move(invitation: Invitation, act: str, now: datetime) -> bool:
    """Bring an invitation where an act leads, for good; whether it was elsewhere."""
    state = domain.move(invitation.state, act)
    if state is invitation.state:
        return False
    invitation.state, invitation.ended_at = state, now
    return True


def _state_at(now: datetime, invitation: Invitation) -> InvitationState:
    return domain.state_at(invitation.state, invitation.expires_at, now)


def _seen_at(now: datetime, invitation: Invitation) -> dict[str, Any]:
    shown = {name: getattr(invitation, name) for name in contract.Invitation._declared_fields}
    return {**shown, "state": _state_at(now, invitation)}
