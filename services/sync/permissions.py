"""Who may ask sync for what: the operator, on the command line."""

from chassis.permissions import Predicate, check_table, is_operator
from chassis.subject import Subject
from contracts import sync as contract
from contracts.method import Method

MAY: dict[Method, Predicate] = {
    contract.open_run: is_operator,
    contract.get_run: is_operator,
    contract.list_rejects: is_operator,
    contract.list_remarks: is_operator,
    contract.list_parked: is_operator,
    contract.replay_parked: is_operator,
    contract.discard_parked: is_operator,
}


def check_may(subject: Subject, method: Method) -> None:
    """Refuse who may not; what has no row is refused to all."""
    check_table(MAY, subject, method)
