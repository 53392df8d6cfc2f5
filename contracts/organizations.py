"""Organizations: structures, conventions, memberships, magic links, and the deliveries that are applied to them."""

from contracts import fields
from contracts.errors import Conflict, Forbidden, Gone, NotFound, Unauthenticated
from contracts.event import event
from contracts.links import LinkIsUnknown, get_mail_link_of
from contracts.method import method
from contracts.parked import discard_parked_of, list_parked_of, replay_parked_of
from contracts.reference import Appellation, Town
from contracts.vocabulary import AnnexState, DeliveryState, Role, StructureKind


class OrganizationNotFound(NotFound):
    """Aucune structure ne correspond."""


class StructureHasNoOfficialAddress(Conflict):
    """Cette structure n'a pas d'adresse e-mail officielle : contactez l'équipe en indiquant son ID."""


class StructureHasMembers(Conflict):
    """Cette structure a déjà des membres : demandez-leur une invitation."""


class StructureIsNotActive(Conflict):
    """Cette structure n'est plus conventionnée : on ne peut pas la rejoindre pour l'instant."""


class GraceIsOver(Forbidden):
    """Cette structure n'est plus conventionnée : l'accès à son espace est fermé."""


class MagicLinkIsOver(Gone):
    """Ce lien d'inscription a expiré ou a déjà servi. Recommencez la recherche de votre structure pour en recevoir un nouveau."""


class DeliveryNotFound(NotFound):
    """Aucune livraison ne porte cet identifiant."""


class PlanHasChanged(Conflict):
    """Les données ont changé depuis l'examen de la livraison ; un nouvel examen est en cours."""


class DeliveryIsNotComplete(Conflict):
    """Il manque des lots de cette livraison."""


StructureSummary = fields.record(
    "StructureSummary",
    organization_id=fields.UUID(),
    public_id=fields.Integer(),
    siret=fields.Digits(),
    kind=fields.Choice(StructureKind),
    name=fields.Text(),
    city=fields.Text(shortest=0),
    post_code=fields.Text(shortest=0),
)
TakenStructure = fields.record(
    "TakenStructure", structure=fields.Nested(StructureSummary), contact_account_id=fields.UUID(optional=True)
)
Membership = fields.record(
    "Membership", organization_id=fields.UUID(), account_id=fields.UUID(), role=fields.Choice(Role), joined_at=fields.Instant()
)
MyOrganization = fields.record(
    "MyOrganization",
    structure=fields.Nested(StructureSummary),
    role=fields.Choice(Role),
    is_active=fields.Boolean(),
)
Standing = fields.record(
    "Standing",
    organization_id=fields.UUID(),
    display_name=fields.Text(),
    kind=fields.Text(),
    account_kind=fields.Text(),
    is_active=fields.Boolean(),
    is_open=fields.Boolean(),  # Whether its members still get in: while it is active, then until its grace is over.
    role=fields.Choice(Role, optional=True),
)

find_structures = method(
    "organizations.find_structures",
    takes={"company_number": fields.SirenOrSiret()},
    gives={
        "joinable": fields.List(fields.Nested(StructureSummary)),
        "taken": fields.List(fields.Nested(TakenStructure)),
    },
    callers={"gateway"},
)

request_magic_link = method(
    "organizations.request_magic_link",
    takes={"organization_id": fields.UUID()},
    gives={"masked_email": fields.Text()},
    callers={"gateway"},
    changes=True,
    refuses=(OrganizationNotFound, StructureHasMembers, StructureIsNotActive, StructureHasNoOfficialAddress),
)

get_magic_link = method(
    "organizations.get_magic_link",
    takes={"token": fields.Secret()},
    gives={
        "magic_link_id": fields.UUID(),
        "issue": fields.Integer(),
        "structure": fields.Nested(StructureSummary),
        "expires_at": fields.Instant(),
    },
    callers={"gateway", "accounts"},
    refuses=(LinkIsUnknown, MagicLinkIsOver),
)

claim_structure = method(
    "organizations.claim_structure",
    takes={"account_id": fields.UUID(), "magic_link_id": fields.UUID()},
    gives=Membership,
    callers={"accounts"},
    changes=True,
    refuses=(LinkIsUnknown, MagicLinkIsOver, StructureHasMembers, StructureIsNotActive, Forbidden),
)

get_standing = method(
    "organizations.get_standing",
    takes={"organization_id": fields.UUID()},
    gives=Standing,
    callers={"gateway", "invitations"},
    refuses=(Unauthenticated, OrganizationNotFound, Forbidden),
)

admit_member = method(
    "organizations.admit_member",
    takes={
        "organization_id": fields.UUID(),
        "account_id": fields.UUID(),
        "role": fields.Choice(Role),
        "invitation_id": fields.UUID(),
    },
    gives=Membership,
    callers={"invitations"},
    changes=True,
    refuses=(OrganizationNotFound, StructureIsNotActive, Forbidden),
)

list_members = method(
    "organizations.list_members",
    takes={"organization_id": fields.UUID(), "cursor": fields.Text(optional=True)},
    gives=fields.page_of(Membership),
    callers={"gateway"},
    refuses=(OrganizationNotFound, Forbidden, GraceIsOver),
)

list_my_organizations = method(
    "organizations.list_my_organizations", gives={"items": fields.List(fields.Nested(MyOrganization))}, callers={"gateway"}
)

load_towns = method(
    "organizations.load_towns",
    takes={"items": fields.List(fields.Nested(Town))},
    gives={"loaded_count": fields.Integer()},
    callers={"operator"},
    changes=True,
    deadline=30,
)

load_appellations = method(
    "organizations.load_appellations",
    takes={"items": fields.List(fields.Nested(Appellation))},
    gives={"loaded_count": fields.Integer()},
    callers={"operator"},
    changes=True,
    deadline=30,
)

IncomingStructure = fields.record(
    "IncomingStructure",
    asp_id=fields.Integer(),
    siret=fields.Digits(),
    siret_signature=fields.Digits(),
    name=fields.Text(),
    naf=fields.Text(shortest=0),
    auth_email=fields.Email(optional=True),
    phone=fields.Text(shortest=0),
    address_line_1=fields.Text(shortest=0),
    address_line_2=fields.Text(shortest=0),
    post_code=fields.Text(shortest=0),
    city=fields.Text(shortest=0),
    department=fields.Text(shortest=0),
)
IncomingAnnex = fields.record(
    "IncomingAnnex",
    asp_id=fields.Integer(),
    kind=fields.Choice(StructureKind),
    number=fields.Text(),
    state=fields.Choice(AnnexState),
    starts_on=fields.Date(),
    ends_on=fields.Date(),
)
# A structure that a row set aside may have told of: what is live of it stays as it is.
UnknownKey = fields.record("UnknownKey", asp_id=fields.Integer(), kind=fields.Choice(StructureKind))
PlanSummary = fields.record(
    "PlanSummary",
    structures_created=fields.Integer(),
    structures_updated=fields.Integer(),
    structures_renumbered=fields.Integer(),
    conventions_created=fields.Integer(),
    conventions_activated=fields.Integer(),
    conventions_deactivated=fields.Integer(),
    signatures_updated=fields.Integer(),
    annexes_created=fields.Integer(),
    annexes_updated=fields.Integer(),
    annexes_deleted=fields.Integer(),
    held=fields.Mapping(),
)

receive_delivery_batch = method(
    "organizations.receive_delivery_batch",
    takes={
        "run_id": fields.UUID(),
        "number": fields.Integer(),
        "structures": fields.List(fields.Nested(IncomingStructure)),
        "annexes": fields.List(fields.Nested(IncomingAnnex)),
        "unknown_keys": fields.List(fields.Nested(UnknownKey)),
    },
    callers={"sync"},
    changes=True,
    deadline=30,
)

plan_delivery = method(
    "organizations.plan_delivery",
    takes={"run_id": fields.UUID(), "batch_count": fields.Integer(), "extracted_at": fields.Instant()},
    gives={"plan_version": fields.Integer(), "summary": fields.Nested(PlanSummary)},
    callers={"sync"},
    changes=True,
    refuses=(DeliveryIsNotComplete,),
    deadline=60,
)

apply_delivery = method(
    "organizations.apply_delivery",
    takes={"run_id": fields.UUID(), "plan_version": fields.Integer()},
    callers={"sync"},
    changes=True,
    refuses=(DeliveryNotFound, PlanHasChanged),
)

get_delivery = method(
    "organizations.get_delivery",
    takes={"run_id": fields.UUID()},
    gives={
        "state": fields.Choice(DeliveryState),
        "plan_version": fields.Integer(),
        "summary": fields.Nested(PlanSummary, optional=True),
    },
    callers={"sync"},
    refuses=(DeliveryNotFound,),
)

get_mail_link = get_mail_link_of("organizations")
list_parked = list_parked_of("organizations")
replay_parked = replay_parked_of("organizations")
discard_parked = discard_parked_of("organizations")

MagicLinkRequested = event(
    "organizations.magic_link_requested",
    about="organization_id",
    heard_by=("notifications.email_magic_link",),
    organization_id=fields.UUID(),
    magic_link_id=fields.UUID(),
    issue=fields.Integer(),
    structure_name=fields.Text(),
    siret=fields.Digits(),
    kind=fields.Choice(StructureKind),
)

MemberAdmitted = event(
    "organizations.member_admitted",
    about="organization_id",
    organization_id=fields.UUID(),
    account_id=fields.UUID(),
    role=fields.Choice(Role),
    invitation_id=fields.UUID(optional=True),
)

DeliveryApplied = event(
    "organizations.delivery_applied", about="run_id", run_id=fields.UUID(), summary=fields.Nested(PlanSummary)
)
