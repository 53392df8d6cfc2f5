"""Who may ask for what: every operation and every role, expected as written by hand from the authorization matrix (X-01)."""

from uuid import uuid4

import pytest

from chassis.testing.subjects import VISITOR, employer, prescriber, service, staff
from contracts import catalogue
from contracts.errors import Forbidden, Unauthenticated
from contracts.organizations import OrganizationNotFound
from contracts.vocabulary import Role
from services.invitations.permissions import MAY, check_may
from tests.factories.invitations import standing

# Who asks, and what organizations answers about them in the organization that it is about.
ROLES = {
    "visitor": (VISITOR, None),
    "member": (employer(uuid4()), Role.MEMBER),
    "administrator": (employer(uuid4()), Role.ADMINISTRATOR),
    "other organization's administrator": (employer(uuid4()), None),
    "former member": (employer(uuid4()), None),
    "orienteur": (prescriber(uuid4()), None),
    "staff": (staff(uuid4()), None),
    "notifications": (service("notifications"), None),
    "organizations": (service("organizations"), None),
    "operator": (service("operator"), None),
}

ABOUT_AN_ORGANIZATION = {"invite", "list_invitations"}

YES, LOG_IN, HIDDEN, NO = None, Unauthenticated, OrganizationNotFound, Forbidden

# fmt: off
EXPECTED = {
    #                     visitor member admin  other   former  orient. staff  notif. organ. operator
    "invite":            (LOG_IN, YES,   YES,   HIDDEN, HIDDEN, HIDDEN, NO,    NO,    NO,    NO),
    "list_invitations":  (LOG_IN, YES,   YES,   HIDDEN, HIDDEN, HIDDEN, YES,   NO,    NO,    NO),
    "get_invitation":    (YES,    YES,   YES,   YES,    YES,    YES,    YES,   YES,   YES,   YES),
    "check_acceptance":  (YES,    YES,   YES,   YES,    YES,    YES,    YES,   YES,   YES,   YES),
    "accept_invitation": (LOG_IN, YES,   YES,   YES,    YES,    YES,    YES,   NO,    NO,    NO),
    "get_mail_link":     (LOG_IN, NO,    NO,    NO,     NO,     NO,     NO,    YES,   NO,    NO),
    "list_parked":       (LOG_IN, NO,    NO,    NO,     NO,     NO,     NO,    NO,    NO,    YES),
    "replay_parked":     (LOG_IN, NO,    NO,    NO,     NO,     NO,     NO,    NO,    NO,    YES),
    "discard_parked":    (LOG_IN, NO,    NO,    NO,     NO,     NO,     NO,    NO,    NO,    YES),
}
# fmt: on

METHODS = catalogue.methods_of("invitations")
MATRIX = [(method, role, expected) for method in METHODS for role, expected in zip(ROLES, EXPECTED[method.verb], strict=True)]


@pytest.mark.parametrize(("method", "role", "expected"), MATRIX, ids=[f"{method.verb}-{role}" for method, role, _ in MATRIX])
def test_check_may(method, role, expected):
    subject, role_held = ROLES[role]
    where = standing(role=role_held) if method.verb in ABOUT_AN_ORGANIZATION else None

    refusal = None
    try:
        check_may(subject, method, where)
    except (Unauthenticated, OrganizationNotFound, Forbidden) as refused:
        refusal = type(refused)

    assert refusal is expected


def test_every_operation_has_a_row():
    names = {method.name for method in METHODS}
    assert {method.name for method in MAY} == names
    assert {f"invitations.{verb}" for verb in EXPECTED} == names
