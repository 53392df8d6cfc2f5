"""Logging in and out."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session as Database

from chassis.ids import new_id
from chassis.subject import Subject
from chassis.tokens import token_hash
from contracts import accounts as contract
from contracts.accounts import EmailMustBeConfirmed, SessionHasEnded
from contracts.vocabulary import AccountKind
from services.accounts import domain, queries
from services.accounts.actions.confirming import request_confirmation, spend_mail
from services.accounts.domain import Credentials
from services.accounts.models import Account, Session
from services.accounts.permissions import check_may


def find_credentials(session: Database, subject: Subject, *, email: str) -> Credentials:
    """What to compare a password with: one statement, whether the address has an account or not."""
    check_may(subject, contract.log_in)
    return Credentials(*(queries.credentials(session, email) or (None, None)))


def log_in(
    session: Database, subject: Subject, *, credentials: Credentials, session_token: str, token_key: bytes, now: datetime
) -> dict[str, Any] | None:
    """A session is open for who gave the right password; a pending account has a new link on its way instead, and None."""
    check_may(subject, contract.log_in)
    account = queries.lock_account(session, credentials.account_id)

    # Closed, or its password changed, while the hash was computed: the password that was right opens nothing any more.
    stands = account is not None and account.deactivated_at is None and account.password_hash == credentials.password_hash
    domain.check_password_is_right(stands)
    assert account is not None

    if account.email_confirmed_at is None:
        _mail_new_link(session, account, token_key=token_key, now=now)
        return None
    return open_session(session, account, session_token=session_token, now=now)


def check_is_opened(opened: dict[str, Any] | None) -> dict[str, Any]:
    """The session that log-in opened; refused where the address is not confirmed, once its mail is committed."""
    if opened is None:
        raise EmailMustBeConfirmed()
    return opened


def open_session(session: Database, account: Account, *, session_token: str, now: datetime) -> dict[str, Any]:
    """A new session of a confirmed account."""
    opened = Session(
        session_id=new_id(),
        account_id=account.account_id,
        token_hash=token_hash(session_token),
        authenticated_at=now,
        last_seen_at=now,
        expires_at=now + domain.SESSION_LONGEST,
    )
    session.add(opened)
    return {"session": _shown(opened, account, now), "session_token": session_token}


def get_session(session: Database, subject: Subject, *, session_token: str, now: datetime) -> dict[str, Any]:
    """Whose session it is; being asked for keeps it alive."""
    check_may(subject, contract.get_session)
    found = queries.session_of_token(session, token_hash(session_token))
    if found is None:
        raise SessionHasEnded()
    opened, account = found
    ends_at = domain.session_end(opened.last_seen_at, opened.expires_at)

    domain.check_session_lives(ends_at=ends_at, ended_at=opened.ended_at, deactivated_at=account.deactivated_at, now=now)

    if domain.is_seen_again(opened.last_seen_at, now):
        queries.note_session_seen(session, opened.session_id, now=now)
    return _shown(opened, account, now)


def log_out(session: Database, subject: Subject, *, now: datetime) -> None:
    """The session that asks is over."""
    check_may(subject, contract.log_out)
    queries.end_session(session, subject.session_id, subject.require_account(), now=now)


def forget_old_sessions(session: Database, subject: Subject, *, now: datetime) -> int:
    """No session rests here long after its end."""
    return queries.delete_sessions_expired_before(session, now - domain.SESSION_KEPT_AFTER_END)


def _mail_new_link(session: Database, account: Account, *, token_key: bytes, now: datetime) -> None:
    """Whoever knows the password gets a link that is good for three days again, as often as mails may be sent."""
    if not spend_mail(account, now):
        return
    account.confirmation_issue += 1
    account.pending_until = now + domain.CONFIRMATION_LIFETIME
    request_confirmation(session, account, token_key=token_key, now=now)


def _shown(opened: Session, account: Account, now: datetime) -> dict[str, Any]:
    return {
        "account_id": account.account_id,
        "session_id": opened.session_id,
        "kind": AccountKind(account.kind),
        "authenticated_at": opened.authenticated_at,
        "expires_at": domain.session_end(now, opened.expires_at),
    }
