"""Who somebody is, and how to reach them."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session as Database

from chassis.subject import Subject
from contracts import accounts as contract
from contracts.accounts import AccountNotFound
from contracts.errors import Refusal
from contracts.vocabulary import AccountKind, JoinState
from services.accounts import queries
from services.accounts.models import Account
from services.accounts.permissions import check_may


def get_account(session: Database, subject: Subject) -> dict[str, Any]:
    """The account that asks, and what became of the join that its sign-up remembered."""
    check_may(subject, contract.get_account)
    account = queries.account(session, subject.require_account())
    if account is None:
        raise AccountNotFound()
    return {**_contact(account), **_join(account)}


def get_contacts(session: Database, subject: Subject, *, account_ids: list[UUID]) -> dict[str, Any]:
    """Names and addresses of those accounts that exist; the others are simply absent."""
    check_may(subject, contract.get_contacts)
    return {"items": [_contact(account) for account in queries.accounts(session, account_ids)]}


def _contact(account: Account) -> dict[str, Any]:
    return {
        "account_id": account.account_id,
        "email": account.email,
        "first_name": account.first_name,
        "last_name": account.last_name,
        "kind": AccountKind(account.kind),
        "is_open": account.deactivated_at is None,
    }


def _join(account: Account) -> dict[str, Any]:
    # A name that only another release knows is told as a refusal, without a reason.
    told = Refusal.named.get(account.join_refusal, Refusal)().detail if account.join_refusal else None
    return {
        "join_state": account.join_state and JoinState(account.join_state),
        "join_organization_id": account.join_organization_id,
        "join_refusal": told,
    }
