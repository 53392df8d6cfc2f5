"""Who may ask organizations for what: every operation and role. The answers below are written by hand, from X-01."""

from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from uuid import UUID, uuid4

import pytest

from chassis.subject import Subject
from chassis.testing.subjects import VISITOR, employer, prescriber, service, staff
from contracts import catalogue
from contracts import organizations as contract
from contracts.errors import Forbidden, NotFound, Refusal, Unauthenticated
from contracts.vocabulary import CALLERS, LinkPurpose, Role
from services.organizations.actions import deliveries, joining, members, reference
from services.organizations.permissions import MAY, check_may
from tests.factories.organizations import membership, structure

YES, LOG_IN, NO, UNKNOWN = "yes", Unauthenticated, Forbidden, contract.OrganizationNotFound

PEOPLE = (
    "visitor",
    "member",
    "administrator",
    "other_administrator",
    "former_member",
    "orienteur",
    "staff",
)
SERVICES = tuple(CALLERS)


def answers(*, visitor, member, administrator, other_administrator, former_member, orienteur, staff, services=()):
    """One operation's row: what each person gets, and which services may ask in their own name."""
    people = (visitor, member, administrator, other_administrator, former_member, orienteur, staff)
    row = dict(zip(PEOPLE, people, strict=True))
    return MappingProxyType(row | {name: YES if name in services else NO for name in SERVICES})


def everybody():
    return answers(**dict.fromkeys(PEOPLE, YES), services=SERVICES)


def only(*services):
    return answers(**(dict.fromkeys(PEOPLE, NO) | {"visitor": LOG_IN}), services=services)


# In rows where the request names an account (claim, admit), it is the asker's own.
EXPECTED = {
    "find_structures": everybody(),
    "request_magic_link": everybody(),
    "get_magic_link": everybody(),
    "get_standing": answers(
        visitor=LOG_IN,
        member=YES,
        administrator=YES,
        other_administrator=UNKNOWN,
        former_member=UNKNOWN,
        orienteur=UNKNOWN,
        staff=YES,
        services=("invitations",),
    ),
    "claim_structure": answers(
        visitor=LOG_IN,
        member=YES,
        administrator=YES,
        other_administrator=YES,
        former_member=YES,
        orienteur=NO,
        staff=NO,
        services=("accounts",),
    ),
    "admit_member": answers(
        visitor=LOG_IN,
        member=YES,
        administrator=YES,
        other_administrator=YES,
        former_member=YES,
        orienteur=NO,
        staff=NO,
        services=("invitations",),
    ),
    "list_members": answers(
        visitor=LOG_IN,
        member=YES,
        administrator=YES,
        other_administrator=UNKNOWN,
        former_member=UNKNOWN,
        orienteur=UNKNOWN,
        staff=YES,
    ),
    "list_my_organizations": answers(**(dict.fromkeys(PEOPLE, YES) | {"visitor": LOG_IN})),
    "load_towns": only("operator"),
    "load_appellations": only("operator"),
    "receive_delivery_batch": only("sync"),
    "plan_delivery": only("sync"),
    "apply_delivery": only("sync"),
    "get_delivery": only("sync"),
    "get_mail_link": only("notifications"),
    "list_parked": only("operator"),
    "replay_parked": only("operator"),
    "discard_parked": only("operator"),
}

METHODS = {method.verb: method for method in catalogue.methods_of("organizations")}


@dataclass(frozen=True)
class Town:
    """A structure with its people, and the others."""

    organization_id: UUID
    subjects: dict[str, Subject]


@pytest.fixture
def town(bench):
    organization, other = structure(bench), structure(bench)
    subjects = {
        "visitor": VISITOR,
        "member": employer(membership(bench, organization).account_id),
        "administrator": employer(membership(bench, organization, role=Role.ADMINISTRATOR).account_id),
        "other_administrator": employer(membership(bench, other, role=Role.ADMINISTRATOR).account_id),
        "former_member": employer(membership(bench, organization, ended=True).account_id),
        "orienteur": prescriber(uuid4()),
        "staff": staff(uuid4()),
    }
    return Town(organization.organization_id, subjects | {name: service(name) for name in SERVICES})


def outcome(work):
    try:
        work()
    except Refusal as refusal:
        return type(refusal)
    return YES


def test_every_operation_has_a_row():
    assert set(EXPECTED) == set(METHODS)
    assert set(MAY) == set(METHODS.values())


@pytest.mark.parametrize("verb", METHODS)
def test_who_may(bench, town, verb):
    found = {}
    for role, subject in town.subjects.items():
        with bench.store.reading() as session:
            about = (town.organization_id, subject.account_id)
            found[role] = outcome(lambda: check_may(session, subject, METHODS[verb], *about))  # noqa: B023

    assert found == dict(EXPECTED[verb])


@pytest.mark.parametrize("verb", ["claim_structure", "admit_member"])
def test_nobody_joins_for_somebody_else(bench, town, verb):
    for role in ("visitor", "member", "administrator", "other_administrator", "orienteur", "staff"):
        with bench.store.reading() as session, pytest.raises((Unauthenticated, Forbidden)):
            check_may(session, town.subjects[role], METHODS[verb], town.organization_id, uuid4())


def requests(organization_id):
    """A request of each operation that an outsider could send, and the action that serves it."""
    account_id, run_id, instant = uuid4(), uuid4(), datetime.now(UTC)
    batch = {"number": 1, "structures": [], "annexes": [], "unknown_keys": []}
    link = {"purpose": LinkPurpose.MAGIC_LINK, "row_id": uuid4(), "issue": 1, "token_key": b"", "public_url": ""}
    admission = {"organization_id": organization_id, "account_id": account_id, "role": Role.MEMBER, "invitation_id": uuid4()}
    return {
        "claim_structure": (joining.claim_structure, {"account_id": account_id, "magic_link_id": uuid4()}),
        "get_standing": (members.get_standing, {"organization_id": organization_id}),
        "admit_member": (members.admit_member, admission),
        "list_members": (members.list_members, {"organization_id": organization_id, "cursor": None}),
        "list_my_organizations": (members.list_my_organizations, {}),
        "load_towns": (reference.load_towns, {"items": []}),
        "load_appellations": (reference.load_appellations, {"items": []}),
        "receive_delivery_batch": (deliveries.receive_delivery_batch, {"run_id": run_id, **batch}),
        "plan_delivery": (deliveries.plan_delivery, {"run_id": run_id, "batch_count": 0, "extracted_at": instant}),
        "apply_delivery": (deliveries.apply_delivery, {"run_id": run_id, "plan_version": 1}),
        "get_delivery": (deliveries.get_delivery, {"run_id": run_id}),
        "get_mail_link": (joining.get_mail_link, link),
    }


def test_every_guarded_action_asks(bench, town):
    """The table is nothing if an action forgets it."""
    for verb, (action, request) in requests(town.organization_id).items():
        assert outcome(lambda: bench.act(action, VISITOR, **request)) is LOG_IN, verb  # noqa: B023
    assert set(requests(uuid4())) == {verb for verb in EXPECTED if EXPECTED[verb]["visitor"] is not YES} - {
        "list_parked",
        "replay_parked",
        "discard_parked",  # Served by the chassis, to the operator alone: no other caller is declared.
    }


ABOUT_AN_ORGANIZATION = [(members.get_standing, {}), (members.list_members, {"cursor": None})]


@pytest.mark.parametrize(("action", "request_"), ABOUT_AN_ORGANIZATION, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("role", ["other_administrator", "former_member", "orienteur"])
def test_an_outsider_cannot_tell_an_organization_from_none(bench, town, action, request_, role):
    """X-01: the same refusal, with the same words."""
    told = []
    for organization_id in (town.organization_id, uuid4()):
        with pytest.raises(NotFound) as refused:
            bench.act(action, town.subjects[role], organization_id=organization_id, **request_)
        told.append(refused.value.to_wire())

    assert told[0] == told[1]


@pytest.mark.parametrize(("action", "request_"), ABOUT_AN_ORGANIZATION, ids=lambda value: getattr(value, "__name__", ""))
def test_staff_does_not_find_what_does_not_exist(bench, town, action, request_):
    assert outcome(lambda: bench.act(action, town.subjects["staff"], organization_id=uuid4(), **request_)) is UNKNOWN
