"""What notifications does: queue a mail for each fact that somebody is told of, hand it to a worker, remember how that ended.

`cause` is the message that announced the fact: the same message never makes two mails.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import log
from chassis.subject import Subject
from contracts import notifications as contract
from contracts.vocabulary import LinkPurpose, MailState, StructureKind
from services.notifications import domain, queries
from services.notifications.domain import ClaimedMail, MailLink, Outcome
from services.notifications.models import Mail
from services.notifications.permissions import check_may

MAILS_SHOWN = 200
FORGOTTEN_AT_ONCE = 5000  # So that no turn comes near a statement's 5 s.

_log = log.get()


def queue_confirmation_link(
    session: Session, subject: Subject, *, cause: str, account_id: UUID, confirmation_id: UUID, issue: int, now: datetime
) -> None:
    """The person will get the link that proves their address."""
    link = MailLink(LinkPurpose.EMAIL_CONFIRMATION, confirmation_id, issue)
    _queue(session, "email_confirmation", cause, now, recipient_account_id=account_id, link=link)


def queue_known_address(session: Session, subject: Subject, *, cause: str, account_id: UUID, now: datetime) -> None:
    """The owner of an address will learn that somebody tried to sign up with it."""
    _queue(session, "known_address", cause, now, recipient_account_id=account_id)


def queue_magic_link(
    session: Session,
    subject: Subject,
    *,
    cause: str,
    organization_id: UUID,
    magic_link_id: UUID,
    issue: int,
    structure_name: str,
    siret: str,
    kind: StructureKind,
    now: datetime,
) -> None:
    """The structure's official address will get the link to sign up with."""
    link = MailLink(LinkPurpose.MAGIC_LINK, magic_link_id, issue)
    variables = {"structure_name": structure_name, "siret": siret, "kind": kind}
    _queue(session, "magic_link", cause, now, link=link, variables=variables)


def queue_invitation(
    session: Session,
    subject: Subject,
    *,
    cause: str,
    invitation_id: UUID,
    issue: int,
    organization_id: UUID,
    organization_name: str,
    sender_account_id: UUID,
    first_name: str,
    last_name: str,
    expires_at: datetime,
    now: datetime,
) -> None:
    """The invited person will get their link; its expiry is asked again with it, as it may change meanwhile."""
    link = MailLink(LinkPurpose.INVITATION, invitation_id, issue)
    names = {"first_name": first_name, "last_name": last_name, "organization_name": organization_name}
    variables = {**names, "sender_account_id": str(sender_account_id)}
    _queue(session, "invitation", cause, now, link=link, variables=variables)


def queue_accepted_invitation(
    session: Session,
    subject: Subject,
    *,
    cause: str,
    invitation_id: UUID,
    organization_id: UUID,
    organization_name: str,
    account_id: UUID,
    sender_account_id: UUID,
    now: datetime,
) -> None:
    """Who invited will learn that the person accepted."""
    variables = {"organization_name": organization_name, "member_account_id": str(account_id)}
    _queue(session, "accepted_invitation", cause, now, recipient_account_id=sender_account_id, variables=variables)


def claim_due_mail(session: Session, subject: Subject, *, now: datetime) -> ClaimedMail | None:
    """One due mail is this worker's until its lease is over; None where none is due."""
    mail = queries.lock_due_mail(session, now)
    if mail is None:
        return None

    mail.state = domain.move(mail.state, "claim")
    mail.attempt_count += 1
    mail.next_attempt_at = now + domain.LEASE

    return _claimed(mail, now)


def conclude_mail(
    session: Session, subject: Subject, *, mail_id: UUID, attempt_count: int, outcome: Outcome, jitter: float, now: datetime
) -> None:
    """The mail is where its attempt left it, unless somebody else has claimed it since."""
    mail = queries.lock_mail(session, mail_id)
    if mail is None or (mail.state, mail.attempt_count) != (MailState.SENDING, attempt_count):
        _log.warning("mail_lease_lost", mail_id=str(mail_id), attempt=attempt_count)
        return

    next_attempt_at = now + domain.back_off(attempt_count, jitter=jitter)
    outcome = domain.final_outcome(outcome, queued_at=mail.queued_at, next_attempt_at=next_attempt_at)

    mail.state = domain.move(mail.state, outcome.move)
    mail.reason = outcome.reason
    mail.next_attempt_at = next_attempt_at if mail.state == MailState.QUEUED else None
    mail.sent_at = now if mail.state == MailState.SENT else None

    _tell_operators(mail)


def forget_old_mails(session: Session, subject: Subject, *, now: datetime) -> None:
    """Ended mails name nobody after 30 days, and are gone after 62."""
    named = queries.ended_mail_ids(now, domain.NAMES_KEPT_FOR, FORGOTTEN_AT_ONCE).where(Mail.variables != {})
    gone = queries.ended_mail_ids(now, domain.KEPT_FOR, FORGOTTEN_AT_ONCE)

    session.execute(sa.update(Mail).where(Mail.mail_id.in_(named)).values(variables={}))
    session.execute(sa.delete(Mail).where(Mail.mail_id.in_(gone)))


def list_mails(session: Session, subject: Subject, *, state: MailState | None) -> dict[str, Sequence[Mail]]:
    """The mails queued last: what they are and where they stand, never to whom."""
    check_may(subject, contract.list_mails)
    return {"items": queries.latest_mails(session, state, MAILS_SHOWN)}


def _queue(
    session: Session,
    template: str,
    cause: str,
    now: datetime,
    *,
    recipient_account_id: UUID | None = None,
    link: MailLink | None = None,
    variables: Mapping[str, Any] | None = None,
) -> None:
    """One mail for this cause, template and recipient, however often it is asked."""
    row = {
        "mail_id": domain.mail_id(cause, template, recipient_account_id),
        "cause": cause,
        "template": template,
        "variables": variables or {},
        "recipient_account_id": recipient_account_id,
        "link_purpose": link.purpose if link else None,
        "link_row_id": link.row_id if link else None,
        "link_issue": link.issue if link else None,
        "state": MailState.QUEUED,
        "attempt_count": 0,
        "next_attempt_at": now,
        "queued_at": now,
    }
    session.execute(insert(Mail).values(row).on_conflict_do_nothing())


def _claimed(mail: Mail, now: datetime) -> ClaimedMail:
    link = None
    if mail.link_purpose is not None and mail.link_row_id is not None and mail.link_issue is not None:
        link = MailLink(mail.link_purpose, mail.link_row_id, mail.link_issue)
    return ClaimedMail(
        mail_id=mail.mail_id,
        template=mail.template,
        variables=mail.variables,
        recipient_account_id=mail.recipient_account_id,
        link=link,
        attempt_count=mail.attempt_count,
        claimed_at=now,
    )


def _tell_operators(mail: Mail) -> None:
    note, fact = _NOTES[mail.state]
    note(fact, mail_id=str(mail.mail_id), template=mail.template, attempt=mail.attempt_count, reason=mail.reason)


_NOTES = {
    MailState.QUEUED: (_log.warning, "mail_put_off"),
    MailState.SENT: (_log.info, "mail_sent"),
    MailState.CANCELLED: (_log.info, "mail_dropped"),
    MailState.FAILED: (_log.error, "mail_failed"),  # For good: somebody waits for it in vain.
}
