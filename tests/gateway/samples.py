"""One valid result for every method that the gateway calls, and one valid request for every route."""

from datetime import UTC, datetime
from uuid import UUID

from contracts import accounts, invitations, organizations
from contracts.vocabulary import AccountKind, InvitationState, JoinState, Role, StructureKind

ORGANIZATION = UUID("11111111-1111-4111-8111-111111111111")
ACCOUNT = UUID("22222222-2222-4222-8222-222222222222")
SESSION_ID = UUID("33333333-3333-4333-8333-333333333333")
INVITATION = UUID("44444444-4444-4444-8444-444444444444")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LINK = "l" * 43
NEW_TOKEN = "n" * 43
COMPANY_NUMBER = "732829320"

STRUCTURE = {
    "organization_id": ORGANIZATION,
    "public_id": 12,
    "siret": "73282932000074",
    "kind": StructureKind.EI,
    "name": "Atelier des Tilleuls",
    "city": "Lille",
    "post_code": "59000",
}
CONTACT = {
    "account_id": ACCOUNT,
    "email": "jean.dupont@tilleuls.example",
    "first_name": "Jean",
    "last_name": "Dupont",
    "kind": AccountKind.EMPLOYER,
    "is_open": True,
}
OWN_ACCOUNT = CONTACT | {"join_state": JoinState.JOINED, "join_organization_id": ORGANIZATION, "join_refusal": None}
SESSION = {
    "account_id": ACCOUNT,
    "session_id": SESSION_ID,
    "kind": AccountKind.EMPLOYER,
    "authenticated_at": NOON,
    "expires_at": NOON,
}
OPENED = {"session": SESSION, "session_token": NEW_TOKEN}
MEMBER = {"organization_id": ORGANIZATION, "account_id": ACCOUNT, "role": Role.ADMINISTRATOR, "joined_at": NOON}
SENT = {
    "invitation_id": INVITATION,
    "organization_id": ORGANIZATION,
    "email": "aya.martin@tilleuls.example",
    "first_name": "Aya",
    "last_name": "Martin",
    "role": Role.MEMBER,
    "state": InvitationState.PENDING,
    "sent_at": NOON,
    "expires_at": NOON,
    "sender_account_id": ACCOUNT,
}

RESULTS = {
    organizations.find_structures: {
        "joinable": [STRUCTURE],
        "taken": [{"structure": STRUCTURE, "contact_account_id": ACCOUNT}],
    },
    accounts.get_contacts: {"items": [CONTACT]},
    organizations.request_magic_link: {"masked_email": "c******@t*******.example"},
    organizations.get_magic_link: {"magic_link_id": INVITATION, "issue": 1, "structure": STRUCTURE, "expires_at": NOON},
    accounts.sign_up_employer: {"email": "jean.dupont@tilleuls.example"},
    accounts.get_email_confirmation: {"email": "jean.dupont@tilleuls.example", "expires_at": NOON},
    accounts.confirm_email: {"email": "jean.dupont@tilleuls.example"},
    accounts.log_in: OPENED,
    accounts.log_out: None,
    accounts.get_account: OWN_ACCOUNT,
    organizations.list_my_organizations: {"items": [{"structure": STRUCTURE, "role": Role.ADMINISTRATOR, "is_active": True}]},
    organizations.get_standing: {
        "organization_id": ORGANIZATION,
        "display_name": "Atelier des Tilleuls",
        "kind": "EI",
        "account_kind": "employer",
        "is_active": True,
        "is_open": True,
        "role": Role.ADMINISTRATOR,
    },
    organizations.list_members: {"items": [MEMBER], "next_cursor": None},
    invitations.invite: {"items": [SENT]},
    invitations.list_invitations: {"items": [SENT]},
    invitations.get_invitation: {
        "organization_name": "Atelier des Tilleuls",
        "email": "aya.martin@tilleuls.example",
        "first_name": "Aya",
        "last_name": "Martin",
        "role": Role.MEMBER,
        "expires_at": NOON,
    },
    invitations.check_acceptance: {"claim": "claim", "email": "aya.martin@tilleuls.example"},
    accounts.sign_up_invited: OPENED,
    invitations.accept_invitation: {
        "invitation_id": INVITATION,
        "organization_id": ORGANIZATION,
        "state": InvitationState.ACCEPTED,
    },
}

NEW_ACCOUNT = {
    "first_name": "Aya",
    "last_name": "Martin",
    "password": "une phrase de passe bien longue",
    "accepts_terms": True,
}
BODIES = {
    "EmployerSignUp": NEW_ACCOUNT | {"email": "aya.martin@tilleuls.example"},
    "SignUpPassword": {"password": NEW_ACCOUNT["password"]},
    "LogIn": {"email": "aya.martin@tilleuls.example", "password": "une phrase de passe bien longue"},
    "Invitees": {"invitees": [{"email": "aya.martin@tilleuls.example", "first_name": "Aya", "last_name": "Martin"}]},
    "Acceptance": NEW_ACCOUNT,
}


def path_of(route):
    """A path that matches a route."""
    return route.path.format(organization_id=ORGANIZATION, token=LINK, name="TooBusy")


def request_of(route):
    """What a well-behaved client sends to a route."""
    sent = {"method": route.verb, "url": path_of(route)}
    if route.query and "company_number" in route.query._declared_fields:
        sent["params"] = {"company_number": COMPANY_NUMBER}
    if route.takes:
        sent["json"] = BODIES[route.takes.__name__]
    return sent


def answer_all(bus):
    """Let every method succeed."""
    for method, result in RESULTS.items():
        bus.answer(method, result)
