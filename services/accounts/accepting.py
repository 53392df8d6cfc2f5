"""Signing an invited person up: the password is hashed between two transactions, and another attempt may commit meanwhile."""

from typing import Any

from chassis.db import Work
from chassis.settings import ServiceSettings
from chassis.tokens import random_token
from contracts.accounts import AddressHasAnAccount
from services.accounts import actions, passwords
from services.accounts.actions.signing_up import AccountWasMadeMeanwhile

TRIES = 2  # A second reads the account that the first found made meanwhile.


def sign_up_invited(db: Work, settings: ServiceSettings, *, claim: str, password: str, accepts_terms: bool, **names: str) -> Any:
    """An account and a session, once however often it is asked for at the same time with the same password."""
    for _ in range(TRIES):
        admitted = db.step(actions.check_claim, claim=claim, public_keys=settings.public_keys)
        hashed = passwords.make_hash(password, accepts_terms=accepts_terms, email=admitted.admission.email, **names)
        try:
            return db.change(
                actions.sign_up_invited,
                admitted=admitted,
                password_hash=hashed,
                is_same_password=passwords.matches(password, admitted.password_hash),
                session_token=random_token(),
                one_kind_per_email=settings.one_kind_per_email,
                **names,
            )
        except AccountWasMadeMeanwhile:
            continue
    raise AddressHasAnAccount()
