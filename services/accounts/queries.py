"""What accounts reads, and the statements that must be one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session as Database

from contracts.addresses import email_key
from contracts.vocabulary import JoinState
from services.accounts.models import Account, EmailConfirmation, Session

_ACCOUNT_OF_CONFIRMATION = EmailConfirmation.account_id == Account.account_id
_IS_NEWEST = EmailConfirmation.issue == Account.confirmation_issue
_IS_PENDING = Account.email_confirmed_at.is_(None)
# What a sign-up brings, whatever link is to confirm it; all else belongs to the link.
_SIGNED_UP_WITH = (
    "first_name", "last_name", "password_hash", "terms_accepted_at",
    "join_state", "join_organization_id", "join_magic_link_id", "join_refusal",
)  # fmt: skip
RESUMED, ERASED = 50, 1000  # In one turn.


# --- Accounts


def account(session: Database, account_id: UUID) -> Account | None:
    """One account."""
    return session.get(Account, account_id)


def accounts(session: Database, account_ids: Sequence[UUID]) -> Sequence[Account]:
    """Those accounts that exist."""
    return session.scalars(sa.select(Account).where(Account.account_id.in_(account_ids))).all()


def account_of_invitation(session: Database, invitation_id: UUID) -> Account | None:
    """The account that an invitation made."""
    return session.scalar(sa.select(Account).where(Account.invitation_id == invitation_id))


def lock_account(session: Database, account_id: UUID | None) -> Account | None:
    """One account, held until the end of the transaction."""
    return session.scalar(_held(Account.account_id == account_id))


def lock_account_by_email(session: Database, email: str) -> Account | None:
    """The account of an address, however it is spelt, held until the end of the transaction."""
    return session.scalar(_held(Account.email_key == email_key(email)))


def lock_account_and_confirmation(session: Database, email: str) -> tuple[Account, EmailConfirmation | None]:
    """The account of an address, held, and the confirmation that counts for it."""
    statement = sa.select(Account, EmailConfirmation).outerjoin(EmailConfirmation, _ACCOUNT_OF_CONFIRMATION & _IS_NEWEST)
    held = statement.where(Account.email_key == email_key(email)).with_for_update(of=Account, key_share=True)
    return session.execute(held.execution_options(populate_existing=True)).one()


def _held(which: sa.ColumnElement[bool]) -> sa.Select[Account]:
    return sa.select(Account).where(which).with_for_update(key_share=True).execution_options(populate_existing=True)


def credentials(session: Database, email: str) -> tuple[UUID, str] | None:
    """Account and password hash of an address that may log in."""
    found = sa.select(Account.account_id, Account.password_hash).where(Account.email_key == email_key(email))
    row = session.execute(found.where(Account.deactivated_at.is_(None))).one_or_none()
    return row if row else None


def save_sign_up(session: Database, row: dict[str, Any], *, now: datetime) -> None:
    """Add an account, or replace the sign-up of a pending one; no other account changes.

    A link that is good stays the one that counts, with what belongs to it: the spelling of the address that it was mailed to, or
    one spelling would prove another, and the count of mails. One statement whatever is found, so that a stranger learns nothing
    from its time, and two at once make one account.
    """
    statement, has_lapsed = insert(Account).values(row), Account.pending_until <= now
    new: dict[str, Any] = {name: statement.excluded[name] for name in row if name not in ("account_id", "email_key")}
    new["confirmation_issue"] = Account.confirmation_issue + 1
    changed = {
        name: value if name in _SIGNED_UP_WITH else sa.case((has_lapsed, value), else_=getattr(Account, name))
        for name, value in new.items()
    }
    is_open = _IS_PENDING & Account.deactivated_at.is_(None)
    session.execute(statement.on_conflict_do_update(index_elements=[Account.email_key], set_=changed, where=is_open))


def remembered_joins(session: Database, *, confirmed_before: datetime) -> Sequence[Account]:
    """Accounts confirmed a while ago whose join is not settled, oldest first."""
    left = sa.select(Account).where(Account.join_state == JoinState.REMEMBERED, Account.email_confirmed_at < confirmed_before)
    return session.scalars(left.order_by(Account.email_confirmed_at).limit(RESUMED)).all()


def delete_unconfirmed(session: Database, *, pending_before: datetime) -> int:
    """Forget accounts whose link was good until a while ago and that nobody confirmed, the oldest first; answers how many.

    One that is held meanwhile is being signed up anew, or confirmed: it is left alone.
    """
    old = sa.select(Account.account_id).where(_IS_PENDING, Account.pending_until < pending_before)
    held = old.order_by(Account.pending_until).limit(ERASED).with_for_update(skip_locked=True)
    statement = sa.delete(Account).where(Account.account_id.in_(held)).execution_options(synchronize_session=False)
    return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]


def add_account(session: Database, row: dict[str, Any]) -> Account | None:
    """The account added; None where its address or its invitation has one."""
    return session.scalar(insert(Account).values(row).on_conflict_do_nothing().returning(Account))


# --- Confirmations


def confirmation_of_link(session: Database, token_hash: bytes) -> tuple[EmailConfirmation, Account] | None:
    """The confirmation that a link is for."""
    return _confirmation(session, EmailConfirmation.token_hash == token_hash)


def confirmation_of_mail(session: Database, confirmation_id: UUID, issue: int) -> tuple[EmailConfirmation, Account] | None:
    """The confirmation that a mail is about."""
    return _confirmation(session, (EmailConfirmation.confirmation_id == confirmation_id) & (EmailConfirmation.issue == issue))


def _confirmation(session: Database, which: sa.ColumnElement[bool]) -> tuple[EmailConfirmation, Account] | None:
    statement = sa.select(EmailConfirmation, Account).join(Account, _ACCOUNT_OF_CONFIRMATION)
    row = session.execute(statement.where(which)).one_or_none()
    return row if row else None


# --- Sessions


def session_of_token(session: Database, token_hash: bytes) -> tuple[Session, Account] | None:
    """A log-in and whose it is."""
    statement = sa.select(Session, Account).join(Account, Account.account_id == Session.account_id)
    row = session.execute(statement.where(Session.token_hash == token_hash)).one_or_none()
    return row if row else None


def note_session_seen(session: Database, session_id: UUID, *, now: datetime) -> None:
    """Remember that a session is in use; its end moves."""
    _change_session(session, Session.session_id == session_id, last_seen_at=now)


def end_session(session: Database, session_id: UUID | None, account_id: UUID, *, now: datetime) -> None:
    """End one session of one account, once."""
    is_open = Session.ended_at.is_(None) & (Session.account_id == account_id)
    _change_session(session, is_open & (Session.session_id == session_id), ended_at=now)


def _change_session(session: Database, which: sa.ColumnElement[bool], **changes: Any) -> None:
    session.execute(sa.update(Session).where(which).values(**changes).execution_options(synchronize_session=False))


def delete_sessions_expired_before(session: Database, instant: datetime) -> int:
    """Forget sessions that are long over; answers how many."""
    old = sa.delete(Session).where(Session.expires_at < instant).execution_options(synchronize_session=False)
    return int(session.execute(old).rowcount)  # type: ignore[attr-defined]
