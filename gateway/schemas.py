"""The public face: what clients send and get. Never the schemas of the bus, so that either may change without the other."""

from typing import Any

from contracts import fields
from contracts.vocabulary import AccountKind, InvitationState, JoinState, Role, StructureKind


class Label(fields.Text):
    """An enumeration's value in the words people read."""

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> Any:
        return value.label


SHORTEST_PASSWORD = 15  # Told to people; accounts decides.

Structure = fields.record(
    "Structure",
    organization_id=fields.UUID(),
    public_id=fields.Integer(),
    siret=fields.Digits(),
    kind=fields.Choice(StructureKind),
    kind_label=Label(attribute="kind", dump_only=True),
    name=fields.Text(),
    city=fields.Text(shortest=0),
    post_code=fields.Text(shortest=0),
)
TakenStructure = fields.record(
    "TakenStructure",
    structure=fields.Nested(Structure),
    contact=fields.Text(optional=True, metadata={"description": "Qui contacter : prénom et initiale, « Jean D. »"}),
)
CompanySearch = fields.record("CompanySearch", company_number=fields.SirenOrSiret())
Structures = fields.record(
    "Structures",
    joinable=fields.List(fields.Nested(Structure)),
    taken=fields.List(fields.Nested(TakenStructure)),
)
MagicLinkSent = fields.record("MagicLinkSent", masked_email=fields.Text())
MagicLink = fields.record("MagicLink", structure=fields.Nested(Structure), expires_at=fields.Instant())

_new_account = {
    "first_name": fields.PersonName(),
    "last_name": fields.PersonName(),
    "password": fields.Secret(metadata={"description": f"Au moins {SHORTEST_PASSWORD} caractères."}),
    "accepts_terms": fields.Boolean(),
}
EmployerSignUp = fields.record("EmployerSignUp", email=fields.Email(), **_new_account)
SignUpReceived = fields.record("SignUpReceived", email=fields.Email(), next_step=fields.Text())
EmailConfirmation = fields.record("EmailConfirmation", email=fields.Email(), expires_at=fields.Instant())
SignUpPassword = fields.record(
    "SignUpPassword",
    password=fields.Secret(metadata={"description": "Le mot de passe de la dernière inscription avec cette adresse."}),
)
EmailConfirmed = fields.record("EmailConfirmed", email=fields.Email())

LogIn = fields.record("LogIn", email=fields.Email(), password=fields.Secret())
Session = fields.record(
    "Session",
    account_id=fields.UUID(),
    kind=fields.Choice(AccountKind),
    authenticated_at=fields.Instant(),
    expires_at=fields.Instant(),
)
OpenedSession = fields.record("OpenedSession", session=fields.Nested(Session), session_token=fields.Secret())
Account = fields.record(
    "Account",
    account_id=fields.UUID(),
    email=fields.Email(),
    first_name=fields.Text(),
    last_name=fields.Text(),
    kind=fields.Choice(AccountKind),
    join_state=fields.Choice(
        JoinState, optional=True, metadata={"description": "Où en est le rattachement demandé à l'inscription."}
    ),
    join_organization_id=fields.UUID(optional=True),
    join_refusal=fields.Text(optional=True, longest=1000, metadata={"description": "Pourquoi il a été refusé."}),
)

MyOrganization = fields.record(
    "MyOrganization",
    structure=fields.Nested(Structure),
    role=fields.Choice(Role),
    is_active=fields.Boolean(),
)
MyOrganizations = fields.record("MyOrganizations", items=fields.List(fields.Nested(MyOrganization)))
Organization = fields.record(
    "Organization",
    organization_id=fields.UUID(),
    display_name=fields.Text(),
    kind=fields.Text(),
    is_active=fields.Boolean(),
    role=fields.Choice(Role, optional=True),
)
PageWanted = fields.record("PageWanted", cursor=fields.Text(optional=True))
Member = fields.record(
    "Member",
    account_id=fields.UUID(),
    first_name=fields.Text(shortest=0),
    last_name=fields.Text(shortest=0),
    email=fields.Email(optional=True),
    role=fields.Choice(Role),
    joined_at=fields.Instant(),
)
Members = fields.record("Members", **fields.page_of(Member))

Invitee = fields.record(
    "Invitee",
    email=fields.Email(),
    first_name=fields.PersonName(),
    last_name=fields.PersonName(),
    role=fields.Choice(Role, required=False, load_default=Role.MEMBER),
)
Invitees = fields.record("Invitees", invitees=fields.List(fields.Nested(Invitee), shortest=1, longest=30))
Invitation = fields.record(
    "Invitation",
    invitation_id=fields.UUID(),
    email=fields.Email(),
    first_name=fields.Text(),
    last_name=fields.Text(),
    role=fields.Choice(Role),
    state=fields.Choice(InvitationState),
    sent_at=fields.Instant(),
    expires_at=fields.Instant(),
)
Invitations = fields.record("Invitations", items=fields.List(fields.Nested(Invitation)))
InvitationShown = fields.record(
    "InvitationShown",
    organization_name=fields.Text(),
    email=fields.Email(),
    first_name=fields.Text(),
    last_name=fields.Text(),
    role=fields.Choice(Role),
    expires_at=fields.Instant(),
)
Acceptance = fields.record("Acceptance", **_new_account)
Accepted = fields.record(
    "Accepted",
    organization_id=fields.UUID(),
    state=fields.Choice(InvitationState),
    session=fields.Nested(Session, optional=True),
    session_token=fields.Secret(optional=True),
)
