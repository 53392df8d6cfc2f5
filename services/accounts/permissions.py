"""Who may ask accounts for what. A method's callers are the contract's; here stands on whose behalf they may ask."""

from chassis.permissions import Predicate, check_table, is_anybody, is_logged_in, is_notifications, is_operator
from chassis.subject import Subject
from contracts import accounts as contract
from contracts.method import Method
from contracts.vocabulary import SubjectKind


def is_somebody_at_the_gateway(subject: Subject) -> bool:
    return subject.kind != SubjectKind.SERVICE


MAY: dict[Method, Predicate] = {
    contract.sign_up_employer: is_somebody_at_the_gateway,
    contract.sign_up_invited: is_somebody_at_the_gateway,
    contract.get_email_confirmation: is_somebody_at_the_gateway,
    contract.confirm_email: is_somebody_at_the_gateway,
    contract.log_in: is_somebody_at_the_gateway,
    contract.get_session: is_somebody_at_the_gateway,
    contract.log_out: is_logged_in,
    contract.get_account: is_logged_in,
    contract.get_contacts: is_anybody,  # Each caller shows of a contact what its own reader may see.
    contract.get_mail_link: is_notifications,
    contract.create_staff: is_operator,
    contract.list_parked: is_operator,
    contract.replay_parked: is_operator,
    contract.discard_parked: is_operator,
}


def check_may(subject: Subject, method: Method) -> None:
    """Refuse who may not; what has no row is refused to all."""
    check_table(MAY, subject, method)
