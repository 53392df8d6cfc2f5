"""Who may ask accounts for what: the expected answers, written by hand."""

from uuid import uuid4

import pytest

from chassis.testing import subjects
from contracts import catalogue
from contracts.errors import Forbidden, Refusal, Unauthenticated
from contracts.vocabulary import AccountKind, LinkPurpose
from services.accounts import actions
from services.accounts.domain import Admission, Credentials
from services.accounts.permissions import MAY, check_may
from tests.factories import accounts as factory

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


def requests():
    """A request of each operation, for every action that serves it."""
    person, link = factory.person(), {"token_key": factory.TOKEN_KEY, "public_url": factory.PUBLIC_URL}
    names = {name: value for name, value in person.items() if name != "email"}
    admitted = actions.Admitted(Admission(factory.EMAIL, AccountKind.EMPLOYER, uuid4()), None)
    invited = {"admitted": admitted, "is_same_password": False, "session_token": "x", "one_kind_per_email": True}
    nobody, opening = Credentials(None, None), {"session_token": "x", "token_key": factory.TOKEN_KEY}
    mail = {"purpose": LinkPurpose.EMAIL_CONFIRMATION, "row_id": uuid4(), "issue": 1}
    return {
        "sign_up_employer": [
            (actions.sign_up_employer, {**person, "link": factory.magic_link(), "token_key": factory.TOKEN_KEY})
        ],
        "sign_up_invited": [
            (actions.check_claim, {"claim": "x", "public_keys": factory.PUBLIC_KEYS}),
            (actions.sign_up_invited, {**names, **invited}),
        ],
        "get_email_confirmation": [(actions.get_email_confirmation, {"token": "x"})],
        "confirm_email": [
            (actions.find_sign_up, {"token": "x"}),
            (actions.confirm_email, {"token": "x", "sign_up": nobody, "is_its_password": True}),
        ],
        "log_in": [
            (actions.find_credentials, {"email": factory.EMAIL}),
            (actions.log_in, {"credentials": nobody, **opening}),
        ],
        "get_session": [(actions.get_session, {"session_token": "x"})],
        "log_out": [(actions.log_out, {})],
        "get_account": [(actions.get_account, {})],
        "get_contacts": [(actions.get_contacts, {"account_ids": []})],
        "get_mail_link": [(actions.get_mail_link, {**mail, **link})],
        "create_staff": [(actions.create_staff, person)],
    }


SERVED = [(verb, action.__name__) for verb, served in requests().items() for action, _ in served]
# What no method of the contract serves: timers, events and what an entrypoint does with an answer.
UNASKED = {
    "check_is_opened", "erase_unconfirmed", "find_join_of_account", "find_join_of_link", "forget_old_sessions",
    "list_remembered_joins", "settle_join",
}  # fmt: skip


def is_refused(bench, action, subject, request):
    try:
        bench.act(action, subject, **request)
    except Refusal as refusal:
        return type(refusal) in (Forbidden, Unauthenticated)
    return False


@pytest.mark.parametrize(("verb", "name"), SERVED)
def test_every_guarded_action_asks(bench, monkeypatch, verb, name):
    """The table is nothing if an action forgets it, or asks for another row: without its own, it refuses everybody."""
    action, request = next(one for one in requests()[verb] if one[0].__name__ == name)
    monkeypatch.delitem(MAY, METHODS[f"accounts.{verb}"])
    assert all(is_refused(bench, action, subject, request) for subject in ROLES.values())


def test_every_action_is_known():
    parked = {"list_parked", "replay_parked", "discard_parked"}  # Served by the chassis, to the operator alone.
    assert {f"accounts.{verb}" for verb in {*requests(), *parked}} == set(EXPECTED)
    everything = {name for name in actions.__all__ if name != "Admitted"}
    assert everything == {name for _, name in SERVED} | UNASKED


def test_an_action_that_forgets_is_found(bench):
    """The negative control."""
    assert not is_refused(bench, lambda session, subject: None, subjects.VISITOR, {})
