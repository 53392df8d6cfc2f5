"""What a sign-up remembers to join, and what became of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session as Database

from chassis.subject import Subject
from chassis.tokens import token_hash
from contracts.vocabulary import JoinState
from services.accounts import domain, queries
from services.accounts.domain import JoinOutcome, RememberedJoin
from services.accounts.models import Account


def find_join_of_account(session: Database, subject: Subject, *, account_id: UUID) -> RememberedJoin | None:
    """What a confirmed account is still to join."""
    return _remembered(queries.account(session, account_id))


def find_join_of_link(session: Database, subject: Subject, *, token: str) -> RememberedJoin | None:
    """What the account that a confirmation's link is for is still to join."""
    found = queries.confirmation_of_link(session, token_hash(token))
    return _remembered(found[1] if found else None)


def list_remembered_joins(session: Database, subject: Subject, *, now: datetime) -> list[RememberedJoin]:
    """What confirmed accounts are still to join, though their confirmation is a while ago: some, the oldest first."""
    left = queries.remembered_joins(session, confirmed_before=now - domain.JOIN_RESUMED_AFTER)
    return [join for account in left if (join := _remembered(account))]


def settle_join(session: Database, subject: Subject, *, account_id: UUID, outcome: JoinOutcome | None) -> None:
    """The account knows what organizations answered; what was settled before stays."""
    account = queries.lock_account(session, account_id)
    if account is None or outcome is None:
        return

    before, after = account.join_state, domain.settle_join(account.join_state, outcome.move)

    if after != before:
        account.join_state, account.join_refusal = after, outcome.refusal


def _remembered(account: Account | None) -> RememberedJoin | None:
    if account is None or account.email_confirmed_at is None or account.join_state != JoinState.REMEMBERED:
        return None
    assert account.join_magic_link_id is not None
    return RememberedJoin(account.account_id, account.join_magic_link_id)
