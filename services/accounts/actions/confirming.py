"""Links that prove an address: mailed, shown, used."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session as Database

from chassis.ids import new_id
from chassis.outbox import announce
from chassis.subject import Subject
from chassis.tokens import derive_token, token_hash
from contracts import accounts as contract
from contracts.accounts import ConfirmationLinkIsOver, EmailConfirmationRequested, EmailConfirmed
from contracts.links import LinkIsOver, LinkIsUnknown
from contracts.vocabulary import LinkPurpose
from services.accounts import domain, queries
from services.accounts.domain import CONFIRMATION_LIFETIME, Credentials, MailAllowance
from services.accounts.models import Account, EmailConfirmation
from services.accounts.permissions import check_may


def get_email_confirmation(session: Database, subject: Subject, *, token: str, now: datetime) -> EmailConfirmation:
    """What a good link is about. Looking uses nothing up: mail scanners open links."""
    check_may(subject, contract.get_email_confirmation)
    confirmation, account = _confirmation_of_link(session, token)
    if not _is_good(confirmation, account, now):
        raise ConfirmationLinkIsOver()
    return confirmation


def find_sign_up(session: Database, subject: Subject, *, token: str) -> Credentials:
    """What to compare a password with: the last sign-up's, of the address that a link is for."""
    check_may(subject, contract.confirm_email)
    _, account = _confirmation_of_link(session, token)
    return Credentials(account.account_id, account.password_hash)


def confirm_email(
    session: Database, subject: Subject, *, token: str, sign_up: Credentials, is_its_password: bool, now: datetime
) -> dict[str, Any]:
    """The address is proven by who signed up with it last, and the account no longer pending; the link has served."""
    check_may(subject, contract.confirm_email)
    queries.lock_account(session, sign_up.account_id)  # Confirmations and sign-ups come one after the other.
    confirmation, account = _confirmation_of_link(session, token)

    if not _is_good(confirmation, account, now):
        raise ConfirmationLinkIsOver()
    # Signed up again while the hash was computed: the password that was right confirms nothing any more.
    domain.check_password_is_the_sign_ups(is_its_password and account.password_hash == sign_up.password_hash)

    confirmation.used_at = account.email_confirmed_at = now
    account.pending_until = None

    announce(session, EmailConfirmed, account_id=account.account_id)
    return {"email": account.email}


def get_mail_link(
    session: Database,
    subject: Subject,
    *,
    purpose: LinkPurpose,
    row_id: UUID,
    issue: int,
    token_key: bytes,
    public_url: str,
    now: datetime,
) -> dict[str, Any]:
    """The link of one confirmation's mail, as long as it is good."""
    check_may(subject, contract.get_mail_link)
    is_ours = purpose == LinkPurpose.EMAIL_CONFIRMATION
    found = queries.confirmation_of_mail(session, row_id, issue) if is_ours else None
    if found is None:
        raise LinkIsUnknown()
    if not _is_good(*found, now):
        raise LinkIsOver()
    confirmation, _ = found
    url = f"{public_url}/confirmer/{_token(token_key, row_id, issue)}"
    return {"url": url, "email": confirmation.email, "expires_at": confirmation.expires_at}


def request_confirmation(session: Database, account: Account, *, token_key: bytes, now: datetime) -> None:
    """A new link is on its way to a pending account whose row is held; a former one no longer counts."""
    confirmation = EmailConfirmation(
        confirmation_id=new_id(),
        account_id=account.account_id,
        email=account.email,
        issue=account.confirmation_issue,
        requested_at=now,
        expires_at=now + CONFIRMATION_LIFETIME,
    )
    confirmation.token_hash = token_hash(_token(token_key, confirmation.confirmation_id, confirmation.issue))
    session.add(confirmation)
    announce_confirmation(session, confirmation)


def announce_confirmation(session: Database, confirmation: EmailConfirmation) -> None:
    """A mail with this confirmation's link is on its way, be it the first or not."""
    announce(
        session,
        EmailConfirmationRequested,
        account_id=confirmation.account_id,
        confirmation_id=confirmation.confirmation_id,
        issue=confirmation.issue,
    )


def spend_mail(account: Account, now: datetime) -> bool:
    """Count one mail against an account whose row is held; False when it may have none now."""
    left = MailAllowance(account.last_mail_at, account.mail_count, account.mails_counted_since).spent(now)
    if left is None:
        return False
    account.last_mail_at, account.mail_count, account.mails_counted_since = left.last_at, left.count, left.since
    return True


def _confirmation_of_link(session: Database, token: str) -> tuple[EmailConfirmation, Account]:
    found = queries.confirmation_of_link(session, token_hash(token))
    if found is None:
        raise LinkIsUnknown()
    return found


def _is_good(confirmation: EmailConfirmation, account: Account, now: datetime) -> bool:
    """Whether a link still serves: not used, not expired, not replaced, its account open."""
    is_newest = confirmation.issue == account.confirmation_issue
    return is_newest and confirmation.used_at is None and now < confirmation.expires_at and account.deactivated_at is None


def _token(token_key: bytes, confirmation_id: UUID, issue: int) -> str:
    return derive_token(token_key, LinkPurpose.EMAIL_CONFIRMATION, confirmation_id, issue)
