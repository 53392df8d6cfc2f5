"""The public interface as a table: documents, checks and tests are computed from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from marshmallow import Schema

from chassis.wire import CallTimedOut
from contracts import accounts, invitations, organizations
from contracts.accounts import SessionHasEnded
from contracts.errors import Invalid, KeyReusedForAnotherRequest, Refusal, Unavailable
from contracts.method import Method
from gateway import compositions, schemas


class Session(Enum):
    """What a route does with a session."""

    REQUIRED = "required"
    OPTIONAL = "optional"  # Presented but ended is refused all the same, so that nobody acts as a visitor unknowingly.
    OPENED = "opened"  # The answer opens one; what is presented does not matter.
    ENDED = "ended"  # The answer takes it back, whatever its state.


@dataclass(frozen=True)
class Route:
    """One operation of the public interface.

    `call` is a method of a service, or a composition of some. `takes` is the body's schema, `query` the query string's.
    """

    verb: str
    path: str
    call: Method | Callable[..., Awaitable[Any]]
    summary: str
    tag: str
    takes: type[Schema] | None = None
    query: type[Schema] | None = None
    gives: type[Schema] | None = None
    status: int = 200
    session: Session = Session.OPTIONAL
    body_is_for_visitors: bool = False  # With a session, no body is needed.

    @property
    def methods(self) -> tuple[Method, ...]:
        """What the route calls, in order."""
        return (self.call,) if isinstance(self.call, Method) else self.call.methods  # type: ignore[attr-defined]

    @property
    def refuses(self) -> list[type[Refusal]]:
        """Every refusal that a client may meet here, once."""
        own: list[type[Refusal]] = [Unavailable, CallTimedOut]
        own += [Invalid] if self.verb != "GET" or self.query else []
        own += [KeyReusedForAnotherRequest] if self.takes_key else []
        own += [SessionHasEnded] if self.session is not Session.OPENED else []
        return list(dict.fromkeys([refusal for method in self.methods for refusal in method.refuses] + own))

    @property
    def takes_key(self) -> bool:
        """Whether an `Idempotency-Key` is honoured: the request, repeated with it, has its first answer and no other effect."""
        changing = [method for method in self.methods if method.changes]
        return bool(changing) and (getattr(self.call, "repeats", False) or all(method.keeps_result for method in changing))

    @property
    def has_token(self) -> bool:
        """Whether the address itself is a secret: never logged, never sent on as a referrer."""
        return "{token}" in self.path

    @property
    def deadline(self) -> float:
        """Seconds for the whole answer."""
        return max((method.deadline for method in self.methods), default=5.0)


JOINING, ACCOUNT, ORGANIZATIONS, INVITATIONS = "Inscription", "Compte et session", "Organisations", "Invitations"

ROUTES = (
    Route(
        "GET", "/api/structures", compositions.find_structures, "Chercher les structures d'une entreprise", JOINING,
        query=schemas.CompanySearch, gives=schemas.Structures,
    ),
    Route(
        "POST", "/api/structures/{organization_id}/magic-links", organizations.request_magic_link,
        "Demander le lien d'inscription, envoyé à l'adresse officielle de la structure", JOINING,
        gives=schemas.MagicLinkSent, status=202,
    ),
    Route(
        "GET", "/api/magic-links/{token}", organizations.get_magic_link, "Lire un lien d'inscription", JOINING,
        gives=schemas.MagicLink,
    ),
    Route(
        "POST", "/api/magic-links/{token}/accounts", compositions.sign_up_employer,
        "S'inscrire comme employeur par un lien d'inscription", JOINING,
        takes=schemas.EmployerSignUp, gives=schemas.SignUpReceived, status=202,
    ),
    Route(
        "GET", "/api/email-confirmations/{token}", accounts.get_email_confirmation,
        "Lire un lien de confirmation, sans effet", JOINING, gives=schemas.EmailConfirmation,
    ),
    Route(
        "POST", "/api/email-confirmations/{token}", accounts.confirm_email,
        "Confirmer son adresse e-mail, avec le mot de passe de son inscription", JOINING,
        takes=schemas.SignUpPassword, gives=schemas.EmailConfirmed,
    ),
    Route(
        "POST", "/api/sessions", accounts.log_in, "Se connecter", ACCOUNT,
        takes=schemas.LogIn, gives=schemas.OpenedSession, status=201, session=Session.OPENED,
    ),
    Route(
        "GET", "/api/session", compositions.get_session, "Lire sa session", ACCOUNT,
        gives=schemas.Session, session=Session.REQUIRED,
    ),
    Route("DELETE", "/api/session", accounts.log_out, "Se déconnecter", ACCOUNT, status=204, session=Session.ENDED),
    Route(
        "GET", "/api/account", accounts.get_account, "Lire son compte", ACCOUNT,
        gives=schemas.Account, session=Session.REQUIRED,
    ),
    Route(
        "GET", "/api/organizations", organizations.list_my_organizations, "Lister ses organisations", ORGANIZATIONS,
        gives=schemas.MyOrganizations, session=Session.REQUIRED,
    ),
    Route(
        "GET", "/api/organizations/{organization_id}", organizations.get_standing,
        "Lire une organisation et la place qu'on y tient", ORGANIZATIONS,
        gives=schemas.Organization, session=Session.REQUIRED,
    ),
    Route(
        "GET", "/api/organizations/{organization_id}/members", compositions.list_members,
        "Lister les membres d'une organisation", ORGANIZATIONS,
        query=schemas.PageWanted, gives=schemas.Members, session=Session.REQUIRED,
    ),
    Route(
        "POST", "/api/organizations/{organization_id}/invitations", invitations.invite, "Inviter des collaborateurs",
        INVITATIONS, takes=schemas.Invitees, gives=schemas.Invitations, status=201, session=Session.REQUIRED,
    ),
    Route(
        "GET", "/api/organizations/{organization_id}/invitations", invitations.list_invitations,
        "Lister les invitations d'une organisation", INVITATIONS,
        gives=schemas.Invitations, session=Session.REQUIRED,
    ),
    Route(
        "GET", "/api/invitations/{token}", invitations.get_invitation, "Lire une invitation, sans effet", INVITATIONS,
        gives=schemas.InvitationShown,
    ),
    Route(
        "POST", "/api/invitations/{token}/acceptance", compositions.accept_invitation,
        "Accepter une invitation, avec sa session ou avec un nouveau compte", INVITATIONS,
        takes=schemas.Acceptance, gives=schemas.Accepted, body_is_for_visitors=True,
    ),
)  # fmt: skip
