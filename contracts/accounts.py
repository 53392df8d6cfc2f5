"""Accounts: people, addresses, passwords, sessions and the links that prove an address."""

from contracts import fields
from contracts.errors import Conflict, Forbidden, Gone, Invalid, NotFound, Unauthenticated
from contracts.event import event
from contracts.links import LinkIsUnknown, get_mail_link_of
from contracts.method import method
from contracts.parked import discard_parked_of, list_parked_of, replay_parked_of
from contracts.vocabulary import AccountKind, JoinState


class PasswordIsTooWeak(Invalid):
    """Choisissez un mot de passe d'au moins 15 caractères, difficile à deviner et sans vos données personnelles."""


class TermsMustBeAccepted(Invalid):
    """Acceptez les conditions d'utilisation pour continuer."""


class WrongEmailOrPassword(Unauthenticated):
    """Adresse e-mail ou mot de passe incorrect. Adresse changée ? Essayez l'ancienne."""


class EmailMustBeConfirmed(Forbidden):
    """Vérifiez vos e-mails : ouvrez le lien que nous vous avons envoyé pour confirmer votre adresse."""


class SessionHasEnded(Unauthenticated):
    """Votre session est terminée ; reconnectez-vous."""


class ConfirmationLinkIsOver(Gone):
    """Ce lien de confirmation a déjà servi ou a expiré. Connectez-vous pour en recevoir un nouveau."""


class PasswordIsNotTheSignUps(Invalid):
    """Ce n'est pas le mot de passe de la dernière inscription avec cette adresse. Refaites-la par le lien de la structure."""


class AccountNotFound(NotFound):
    """Aucun compte ne correspond."""


class AddressHasAnAccount(Conflict):
    """Un compte existe déjà avec cette adresse e-mail ; connectez-vous pour accepter l'invitation."""


class AddressHasAnotherKind(Conflict):
    """Cette adresse e-mail est celle d'un compte d'un autre type ; demandez une invitation à une autre adresse."""


class ClaimIsNotValid(Forbidden):
    """Cette invitation ne peut pas être utilisée ; ouvrez de nouveau le lien reçu."""


Session = fields.record(
    "Session",
    account_id=fields.UUID(),
    session_id=fields.UUID(),
    kind=fields.Choice(AccountKind),
    authenticated_at=fields.Instant(),
    expires_at=fields.Instant(),
)
OpenedSession = fields.record("OpenedSession", session=fields.Nested(Session), session_token=fields.Secret())
_contact = {
    "account_id": fields.UUID(),
    "email": fields.Email(),
    "first_name": fields.Text(),
    "last_name": fields.Text(),
    "kind": fields.Choice(AccountKind),
    "is_open": fields.Boolean(),
}
Contact = fields.record("Contact", **_contact)
Account = fields.record(
    "Account",
    **_contact,
    join_state=fields.Choice(JoinState, optional=True),  # Of what the sign-up was to join; none where it joined nothing.
    join_organization_id=fields.UUID(optional=True),
    join_refusal=fields.Text(optional=True, longest=1000),  # The sentence that people read.
)

sign_up_employer = method(
    "accounts.sign_up_employer",
    takes={
        "magic_link_token": fields.Secret(),
        "email": fields.Email(),
        "first_name": fields.PersonName(),
        "last_name": fields.PersonName(),
        "password": fields.Secret(),
        "accepts_terms": fields.Boolean(),
    },
    gives={"email": fields.Email()},
    callers={"gateway"},
    changes=True,
    refuses=(PasswordIsTooWeak, TermsMustBeAccepted, LinkIsUnknown, Gone),
    calls={"organizations.get_magic_link"},
)

sign_up_invited = method(
    "accounts.sign_up_invited",
    takes={
        "claim": fields.Secret(longest=4096),
        "first_name": fields.PersonName(),
        "last_name": fields.PersonName(),
        "password": fields.Secret(),
        "accepts_terms": fields.Boolean(),
    },
    gives=OpenedSession,
    callers={"gateway"},
    changes=True,
    refuses=(PasswordIsTooWeak, TermsMustBeAccepted, AddressHasAnAccount, AddressHasAnotherKind, ClaimIsNotValid),
)

get_email_confirmation = method(
    "accounts.get_email_confirmation",
    takes={"token": fields.Secret()},
    gives={"email": fields.Email(), "expires_at": fields.Instant()},
    callers={"gateway"},
    refuses=(LinkIsUnknown, ConfirmationLinkIsOver),
)

confirm_email = method(
    "accounts.confirm_email",
    takes={"token": fields.Secret(), "password": fields.Secret()},
    gives={"email": fields.Email()},
    callers={"gateway"},
    changes=True,
    refuses=(LinkIsUnknown, ConfirmationLinkIsOver, PasswordIsNotTheSignUps),
    calls={"organizations.claim_structure"},
)

log_in = method(
    "accounts.log_in",
    takes={"email": fields.Email(), "password": fields.Secret()},
    gives=OpenedSession,
    callers={"gateway"},
    changes=True,
    refuses=(WrongEmailOrPassword, EmailMustBeConfirmed),
)

log_out = method("accounts.log_out", callers={"gateway"}, changes=True, is_repeatable=True, refuses=(Unauthenticated,))

get_session = method(
    "accounts.get_session",
    takes={"session_token": fields.Secret()},
    gives=Session,
    callers={"gateway"},
    refuses=(SessionHasEnded,),
)

get_account = method("accounts.get_account", gives=Account, callers={"gateway"}, refuses=(Unauthenticated, AccountNotFound))

get_contacts = method(
    "accounts.get_contacts",
    takes={"account_ids": fields.List(fields.UUID())},
    gives={"items": fields.List(fields.Nested(Contact))},
    callers={"gateway", "invitations", "notifications"},
)

create_staff = method(
    "accounts.create_staff",
    takes={
        "email": fields.Email(),
        "first_name": fields.PersonName(),
        "last_name": fields.PersonName(),
        "password": fields.Secret(),
    },
    gives={"account_id": fields.UUID()},
    callers={"operator"},
    changes=True,
    refuses=(PasswordIsTooWeak, AddressHasAnAccount),
)

get_mail_link = get_mail_link_of("accounts")
list_parked = list_parked_of("accounts")
replay_parked = replay_parked_of("accounts")
discard_parked = discard_parked_of("accounts")

EmailConfirmationRequested = event(
    "accounts.email_confirmation_requested",
    about="account_id",
    heard_by=("notifications.email_confirmation_link",),
    account_id=fields.UUID(),
    confirmation_id=fields.UUID(),
    issue=fields.Integer(),
)

KnownAddressSignedUp = event(
    "accounts.known_address_signed_up",
    about="account_id",
    heard_by=("notifications.email_known_address",),
    account_id=fields.UUID(),
)

EmailConfirmed = event(
    "accounts.email_confirmed",
    about="account_id",
    heard_by=("accounts.claim_remembered_structure",),
    account_id=fields.UUID(),
)
