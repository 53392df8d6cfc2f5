"""Predicates on who asks that all services share, and the check of a table of them.

A table says for each method who may ask for it. Methods without a row are refused to all.
"""

from collections.abc import Callable, Mapping

from chassis.subject import Subject
from contracts.errors import Forbidden, Unauthenticated
from contracts.method import Method

Predicate = Callable[[Subject], bool]


def is_anybody(subject: Subject) -> bool:
    return True


def is_logged_in(subject: Subject) -> bool:
    return subject.account_id is not None


def is_notifications(subject: Subject) -> bool:
    return subject.is_service("notifications")


def is_operator(subject: Subject) -> bool:
    return subject.is_service("operator")


def check_table(may: Mapping[Method, Predicate], subject: Subject, method: Method) -> None:
    """Refuse who may not: Unauthenticated where a log-in would help, else Forbidden."""
    predicate = may.get(method)
    if predicate and predicate(subject):
        return
    raise Unauthenticated() if predicate is is_logged_in else Forbidden()
