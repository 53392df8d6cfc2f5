"""Who somebody is, and how to reach them."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session as Database

from chassis.subject import Subject
from contracts import accounts as contract
from contracts.accounts import AccountNotFound
from contracts.vocabulary import AccountKind
from services.accounts import queries
from services.accounts.models import Account
from services.accounts.permissions import check_may


def get_account(session: Database, subject: Subject) -> dict[str, Any]:
    """The account that asks."""
    check_may(subject, contract.get_account)
    account = queries.account(session, subject.require_account())
    if account is None:
        raise AccountNotFound()
    return _contact(account)


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
