"""Invitations, and what the other services know about the people in them. All are fictitious."""

from types import SimpleNamespace
from uuid import UUID, uuid4

from chassis.testing import subjects
from chassis.tokens import derive_token
from contracts import accounts, organizations
from contracts.vocabulary import AccountKind, LinkPurpose, Role
from services.invitations import actions

TOKEN_KEY = bytes(range(32))
PUBLIC_URL = "https://emplois.example"
NAME = "Les Jardins d'Aurore"
EMAIL = "amelie.dupre@jardins.example"


def line(email=EMAIL, *, first_name="Amélie", last_name="Dupré", administrator=False):
    """One line of a batch, as the schema has read it."""
    role = Role.ADMINISTRATOR if administrator else Role.MEMBER
    return {"email": email, "first_name": first_name, "last_name": last_name, "role": role}


def lines(count):
    """So many lines, all to different addresses."""
    return [line(f"personne{number}@jardins.example") for number in range(count)]


def standing(organization_id=None, *, role=Role.MEMBER, active=True, ended=False, prescribers=False):
    """What organizations answers about who asks; `role` is None for people outside. Traits: inactive (in grace), `ended`."""
    return {
        "organization_id": organization_id or uuid4(),
        "display_name": NAME,
        "kind": "PE" if prescribers else "ACI",
        "account_kind": "prescriber" if prescribers else "employer",
        "is_active": active and not ended,
        "is_open": not ended,
        "role": role,
    }


def contact(account_id, email=EMAIL, *, prescriber=False, closed=False):
    """What accounts answers about one account."""
    return {
        "account_id": account_id,
        "email": email,
        "first_name": "Amélie",
        "last_name": "Dupré",
        "kind": AccountKind.PRESCRIBER if prescriber else AccountKind.EMPLOYER,
        "is_open": not closed,
    }


def send(bench, invitees=None, *, sender=None, key=TOKEN_KEY, **about):
    """Invite, as a member of an active structure unless said otherwise; answers the invitations as they are shown."""
    where = standing(**about)
    request = {"organization_id": where["organization_id"], "invitees": invitees or [line()]}
    who = subjects.employer(sender or uuid4())
    return bench.act(actions.invite, who, **request, standing=where, token_key=key)["items"]


def token_of(invitation, issue=1):
    """The token of the link that an invitation's mail carries."""
    return derive_token(TOKEN_KEY, LinkPurpose.INVITATION, invitation["invitation_id"], issue)


def row(bench, invitation):
    """An invitation as it is stored."""
    (found,) = bench.rows("SELECT * FROM invitations WHERE invitation_id = :id", id=invitation["invitation_id"])
    return SimpleNamespace(**found._mapping)


class Others:
    """Accounts and organizations, at the edge of the process. Admits once per invitation, as organizations does.

    An answer that is an error is raised: before the admission by `refusal`, after it by `loss`.
    """

    def __init__(self, *contacts, **standing_of):
        self.contacts = {one["account_id"]: one for one in contacts}
        self.standing = standing(**standing_of)
        self.admitted: dict[UUID, UUID] = {}
        self.refusal: Exception | None = None
        self.loss: Exception | None = None
        self.asked: list[str] = []
        self.requests: dict[str, dict] = {}

    def __call__(self, method, **request):
        self.asked.append(method.name)
        self.requests[method.name] = request
        return ANSWERS[method](self, **request)

    as_service = __call__

    def get_contacts(self, *, account_ids):
        return {"items": [self.contacts[one] for one in account_ids if one in self.contacts]}

    def get_standing(self, *, organization_id):
        return {**self.standing, "organization_id": organization_id}

    def admit_member(self, *, organization_id, account_id, role, invitation_id):
        if self.refusal:
            raise self.refusal
        member = self.admitted.setdefault(invitation_id, account_id)
        if self.loss:
            raise self.loss
        return {"organization_id": organization_id, "account_id": member, "role": role}


ANSWERS = {
    accounts.get_contacts: Others.get_contacts,
    organizations.get_standing: Others.get_standing,
    organizations.admit_member: Others.admit_member,
}
