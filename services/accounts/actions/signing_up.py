"""How accounts come to be: by a structure's magic link, by an invitation, by an operator."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.orm import Session as Database

from chassis.ids import new_id
from chassis.outbox import announce
from chassis.subject import Subject, SubjectIsNotValid, verify
from contracts import accounts as contract
from contracts.accounts import AddressHasAnAccount, AddressHasAnotherKind, ClaimIsNotValid, KnownAddressSignedUp
from contracts.addresses import email_key
from contracts.vocabulary import AccountKind, JoinState, may_hold
from services.accounts import domain, queries
from services.accounts.actions.confirming import announce_confirmation, request_confirmation, spend_mail
from services.accounts.actions.sessions import open_session
from services.accounts.domain import Admission
from services.accounts.models import Account, EmailConfirmation
from services.accounts.permissions import check_may


@dataclass(frozen=True)
class Admitted:
    """A claim that holds, and the password hash of the account that its invitation has already made, if any."""

    admission: Admission
    password_hash: str | None


def sign_up_employer(
    session: Database,
    subject: Subject,
    *,
    email: str,
    first_name: str,
    last_name: str,
    password_hash: str,
    link: dict[str, Any],
    token_key: bytes,
    now: datetime,
) -> dict[str, str]:
    """The address has a pending account that remembers the structure, or its owner is told: the answer never says which.

    What was typed last replaces what was typed before, by whomever: it is confirmed only with its own password (decision 6).
    A link that is good stays so, and is mailed again.
    """
    check_may(subject, contract.sign_up_employer)
    person = {"first_name": first_name, "last_name": last_name, "password_hash": password_hash}
    row = _new(email, AccountKind.EMPLOYER, person, now) | _pending(now) | _remembering(link)
    row["terms_accepted_at"] = now

    queries.save_sign_up(session, row, now=now)
    account, confirmation = queries.lock_account_and_confirmation(session, email)

    if account.email_confirmed_at is None and confirmation is None:
        request_confirmation(session, account, token_key=token_key, now=now)
    elif spend_mail(account, now):
        _tell_owner(session, account, confirmation)
    return {"email": email}


def erase_unconfirmed(session: Database, subject: Subject, *, now: datetime) -> int:
    """No account rests here that nobody confirmed in 30 days, nor its links."""
    return queries.delete_unconfirmed(session, pending_before=domain.erased_if_pending_until(now))


def check_claim(
    session: Database, subject: Subject, *, claim: str, public_keys: dict[str, Ed25519PublicKey], now: datetime
) -> Admitted:
    """Whom the invitations service vouches for; refused when forged, expired, or made for something else."""
    check_may(subject, contract.sign_up_invited)
    try:
        claims = verify(claim, public_keys, at=now.timestamp())
    except SubjectIsNotValid:
        raise ClaimIsNotValid() from None
    admission = domain.read_admission(claims)
    made = queries.account_of_invitation(session, admission.invitation_id)
    return Admitted(admission, made.password_hash if made else None)


class AccountWasMadeMeanwhile(Exception):
    """The account of the invitation has another password hash than the one that was compared: compare again."""


def sign_up_invited(
    session: Database,
    subject: Subject,
    *,
    admitted: Admitted,
    first_name: str,
    last_name: str,
    password_hash: str,
    is_same_password: bool,
    session_token: str,
    one_kind_per_email: bool,
    now: datetime,
) -> dict[str, Any]:
    """The invited person has a confirmed account and a session; repeated with the same password, another session of it."""
    check_may(subject, contract.sign_up_invited)
    admission = admitted.admission
    person = {"first_name": first_name, "last_name": last_name, "password_hash": password_hash}
    row = _new(admission.email, admission.kind, person, now) | _proven(now)
    row |= {"terms_accepted_at": now, "invitation_id": admission.invitation_id}

    account = _add_or_take_over(session, row)
    if account is None:
        account = _made_before(session, admitted, is_same_password, one_kind_per_email)

    return open_session(session, account, session_token=session_token, now=now)


def create_staff(
    session: Database, subject: Subject, *, email: str, first_name: str, last_name: str, password_hash: str, now: datetime
) -> Account:
    """A member of staff can log in; an operator vouches for the address."""
    check_may(subject, contract.create_staff)
    person = {"first_name": first_name, "last_name": last_name, "password_hash": password_hash}

    account = _add_or_take_over(session, _new(email, AccountKind.STAFF, person, now) | _proven(now))
    if account is None:
        raise AddressHasAnAccount()

    return account


def _new(email: str, kind: AccountKind, person: dict[str, str], now: datetime) -> dict[str, Any]:
    return {
        "account_id": new_id(),
        "kind": kind,
        "email": email,
        "email_key": email_key(email),
        "created_at": now,
        "terms_accepted_at": None,
        "invitation_id": None,
        "confirmation_issue": 1,
        **person,
    }


def _pending(now: datetime) -> dict[str, Any]:
    """An account whose confirmation leaves with it."""
    until = now + domain.CONFIRMATION_LIFETIME
    return {"pending_until": until, "last_mail_at": now, "mail_count": 1, "mails_counted_since": now}


def _remembering(link: dict[str, Any]) -> dict[str, Any]:
    return {
        "join_state": JoinState.REMEMBERED,
        "join_organization_id": link["structure"]["organization_id"],
        "join_magic_link_id": link["magic_link_id"],
        "join_refusal": None,
    }


def _proven(now: datetime) -> dict[str, Any]:
    """An account whose address is known to be its owner's; it forgets what a stranger's sign-up wanted to join."""
    nothing = {"join_state": None, "join_organization_id": None, "join_magic_link_id": None, "join_refusal": None}
    return {"email_confirmed_at": now, "pending_until": None, "mail_count": 0, **nothing}


def _tell_owner(session: Database, account: Account, confirmation: EmailConfirmation | None) -> None:
    """One mail, whatever the account: the same link again, or word of the attempt."""
    if account.email_confirmed_at is None and confirmation is not None:
        announce_confirmation(session, confirmation)
    else:
        announce(session, KnownAddressSignedUp, account_id=account.account_id)


def _add_or_take_over(session: Database, row: dict[str, Any]) -> Account | None:
    """The account added, or the pending one of the same address, which nobody had proven, made over; None where one stands."""
    added = queries.add_account(session, row)
    if added:
        return added
    account = queries.lock_account_by_email(session, row["email"])
    if account is None or account.email_confirmed_at or account.deactivated_at:
        return None
    for name in row.keys() - {"account_id", "confirmation_issue"}:
        setattr(account, name, row[name])
    account.confirmation_issue += 1  # Its links no longer count.
    return account


def _made_before(session: Database, admitted: Admitted, is_same_password: bool, one_kind_per_email: bool) -> Account:
    """The account that this invitation has made, for who knows its password; otherwise why there will be none."""
    admission = admitted.admission
    account = queries.lock_account_by_email(session, admission.email)
    if account is None:
        raise AddressHasAnAccount()
    is_theirs = account.invitation_id == admission.invitation_id
    if is_theirs and account.password_hash != admitted.password_hash:
        raise AccountWasMadeMeanwhile()
    if is_theirs and is_same_password and account.deactivated_at is None:
        return account
    if not may_hold(AccountKind(account.kind), admission.kind, one_kind_per_email=one_kind_per_email):
        raise AddressHasAnotherKind()
    raise AddressHasAnAccount()
