"""Invitations: who was invited where, by whom, and what became of it."""

from contracts import fields
from contracts.errors import Forbidden, Gone, Invalid, TooMany, Unauthenticated
from contracts.event import event
from contracts.links import LinkIsUnknown, get_mail_link_of
from contracts.method import method
from contracts.organizations import GraceIsOver, OrganizationNotFound, StructureIsNotActive
from contracts.parked import discard_parked_of, list_parked_of, replay_parked_of
from contracts.vocabulary import InvitationState, Role


class InvitationIsOver(Gone):
    """Cette invitation n'est plus valable : elle a expiré, a déjà servi ou a été annulée. Demandez-en une nouvelle."""


class InvitationIsForSomeoneElse(Forbidden):
    """Cette invitation est adressée à une autre adresse e-mail que celle de votre compte."""


class AccountIsOfAnotherKind(Forbidden):
    """Cette invitation demande un compte d'un autre type que le vôtre : demandez une invitation à une autre adresse e-mail."""


class OnlyAdministratorsInviteAdministrators(Forbidden):
    """Seul un administrateur de la structure peut inviter un administrateur."""


class AddressIsRepeated(Invalid):
    """La même adresse e-mail figure deux fois."""


class TooManyPendingInvitations(TooMany):
    """Trop d'invitations sont en attente pour cette structure : annulez-en ou attendez des réponses."""


Invitee = fields.record(
    "Invitee",
    email=fields.Email(),
    first_name=fields.PersonName(),
    last_name=fields.PersonName(),
    role=fields.Choice(Role, required=False, load_default=Role.MEMBER),
)
Invitation = fields.record(
    "Invitation",
    invitation_id=fields.UUID(),
    organization_id=fields.UUID(),
    email=fields.Email(),
    first_name=fields.Text(),
    last_name=fields.Text(),
    role=fields.Choice(Role),
    state=fields.Choice(InvitationState),
    sent_at=fields.Instant(),
    expires_at=fields.Instant(),
    sender_account_id=fields.UUID(),
)
InvitationShown = fields.record(
    "InvitationShown",
    organization_name=fields.Text(),
    email=fields.Email(),
    first_name=fields.Text(),
    last_name=fields.Text(),
    role=fields.Choice(Role),
    expires_at=fields.Instant(),
)

invite = method(
    "invitations.invite",
    takes={"organization_id": fields.UUID(), "invitees": fields.List(fields.Nested(Invitee))},
    gives={"items": fields.List(fields.Nested(Invitation))},
    callers={"gateway"},
    changes=True,
    refuses=(
        Unauthenticated,
        OrganizationNotFound,
        Forbidden,
        GraceIsOver,
        OnlyAdministratorsInviteAdministrators,
        Invalid,
        AddressIsRepeated,
        StructureIsNotActive,
        TooManyPendingInvitations,
    ),
    calls={"organizations.get_standing"},
)

list_invitations = method(
    "invitations.list_invitations",
    takes={"organization_id": fields.UUID()},
    gives={"items": fields.List(fields.Nested(Invitation))},
    callers={"gateway"},
    refuses=(Unauthenticated, OrganizationNotFound, Forbidden, GraceIsOver),
    calls={"organizations.get_standing"},
)

get_invitation = method(
    "invitations.get_invitation",
    takes={"token": fields.Secret()},
    gives=InvitationShown,
    callers={"gateway"},
    refuses=(LinkIsUnknown, InvitationIsOver),
)

check_acceptance = method(
    "invitations.check_acceptance",
    takes={"token": fields.Secret()},
    gives={"claim": fields.Secret(longest=4096), "email": fields.Email()},
    callers={"gateway"},
    refuses=(LinkIsUnknown, InvitationIsOver, OrganizationNotFound, StructureIsNotActive, Forbidden),
    calls={"organizations.get_standing"},
)

accept_invitation = method(
    "invitations.accept_invitation",
    takes={"token": fields.Secret()},
    gives={"invitation_id": fields.UUID(), "organization_id": fields.UUID(), "state": fields.Choice(InvitationState)},
    callers={"gateway"},
    changes=True,
    refuses=(
        Unauthenticated,
        LinkIsUnknown,
        InvitationIsOver,
        InvitationIsForSomeoneElse,
        AccountIsOfAnotherKind,
        OrganizationNotFound,
        StructureIsNotActive,
        Forbidden,
    ),
    calls={"accounts.get_contacts", "organizations.admit_member"},
)

get_mail_link = get_mail_link_of("invitations")
list_parked = list_parked_of("invitations")
replay_parked = replay_parked_of("invitations")
discard_parked = discard_parked_of("invitations")

InvitationSent = event(
    "invitations.invitation_sent",
    about="invitation_id",
    heard_by=("notifications.email_invitation",),
    invitation_id=fields.UUID(),
    issue=fields.Integer(),
    organization_id=fields.UUID(),
    organization_name=fields.Text(),
    sender_account_id=fields.UUID(),
    first_name=fields.Text(),
    last_name=fields.Text(),
    expires_at=fields.Instant(),
)

InvitationAccepted = event(
    "invitations.invitation_accepted",
    about="invitation_id",
    heard_by=("notifications.email_accepted_invitation",),
    invitation_id=fields.UUID(),
    organization_id=fields.UUID(),
    organization_name=fields.Text(),
    account_id=fields.UUID(),
    sender_account_id=fields.UUID(),
)
