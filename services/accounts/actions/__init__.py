"""What accounts does: one function per operation."""

from services.accounts.actions.confirming import confirm_email, find_sign_up, get_email_confirmation, get_mail_link
from services.accounts.actions.joining import find_join_of_account, find_join_of_link, list_remembered_joins, settle_join
from services.accounts.actions.people import get_account, get_contacts
from services.accounts.actions.sessions import (
    check_is_opened,
    find_credentials,
    forget_old_sessions,
    get_session,
    log_in,
    log_out,
)
from services.accounts.actions.signing_up import (
    Admitted,
    check_claim,
    create_staff,
    erase_unconfirmed,
    sign_up_employer,
    sign_up_invited,
)

__all__ = [
    "Admitted",
    "check_claim",
    "check_is_opened",
    "confirm_email",
    "create_staff",
    "erase_unconfirmed",
    "find_credentials",
    "find_join_of_account",
    "find_join_of_link",
    "find_sign_up",
    "forget_old_sessions",
    "get_account",
    "get_contacts",
    "get_email_confirmation",
    "get_mail_link",
    "get_session",
    "list_remembered_joins",
    "log_in",
    "log_out",
    "settle_join",
    "sign_up_employer",
    "sign_up_invited",
]
