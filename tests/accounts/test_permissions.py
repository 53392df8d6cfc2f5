"""Who may ask accounts for what: the expected answers, written by hand."""

from uuid import uuid4

import pytest

from chassis.testing import subjects
from contracts import catalogue
from contracts.errors import Forbidden, Unauthenticated
from services.accounts.permissions import MAY, check_may

ROLES = {
    "visitor": subjects.VISITOR,
    "employer": subjects.employer(uuid4()),
    "prescriber": subjects.prescriber(uuid4()),
    "staff": subjects.staff(uuid4()),
    "notifications": subjects.service("notifications"),
    "invitations": subjects.service("invitations"),
    "operator": subjects.service("operator"),
}
PEOPLE = {"visitor", "employer", "prescriber", "staff"}
LOGGED_IN = {"employer", "prescriber", "staff"}
EXPECTED = {
    "accounts.sign_up_employer": PEOPLE,
    "accounts.sign_up_invited": PEOPLE,
    "accounts.get_email_confirmation": PEOPLE,
    "accounts.confirm_email": PEOPLE,
    "accounts.log_in": PEOPLE,
    "accounts.get_session": PEOPLE,
    "accounts.log_out": LOGGED_IN,
    "accounts.get_account": LOGGED_IN,
    "accounts.get_contacts": set(ROLES),
    "accounts.get_mail_link": {"notifications"},
    "accounts.create_staff": {"operator"},
    "accounts.list_parked": {"operator"},
    "accounts.replay_parked": {"operator"},
    "accounts.discard_parked": {"operator"},
}
METHODS = {name: method for name, method in catalogue.methods().items() if method.service == "accounts"}


def test_every_operation_has_a_row():
    assert {method.name for method in MAY} == set(EXPECTED) == set(METHODS)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", EXPECTED)
def test_the_matrix_is_as_written(name, role):
    if role in EXPECTED[name]:
        check_may(ROLES[role], METHODS[name])
        return
    expected = Unauthenticated if EXPECTED[name] == LOGGED_IN else Forbidden
    with pytest.raises(expected):
        check_may(ROLES[role], METHODS[name])


def test_an_operation_without_a_row_is_refused_to_all(monkeypatch):
    """The negative control: what nobody decided, nobody may."""
    monkeypatch.delitem(MAY, METHODS["accounts.get_contacts"])
    with pytest.raises(Forbidden):
        check_may(ROLES["staff"], METHODS["accounts.get_contacts"])
