"""Refusals as problem documents (RFC 9457). The only place that knows status codes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson
from starlette.responses import Response

from chassis.wire import CallTimedOut
from contracts import errors
from contracts.accounts import PasswordIsNotTheSignUps, PasswordIsTooWeak, TermsMustBeAccepted
from contracts.errors import DeadlineHasPassed, Refusal

MEDIA_TYPE = "application/problem+json"

STATUSES: dict[type[Refusal], int] = {
    errors.Invalid: 422,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.TooMany: 429,
    errors.Unavailable: 503,
    DeadlineHasPassed: 504,
    CallTimedOut: 504,
}
TITLES = {
    400: "Requête illisible",
    401: "Connexion nécessaire",
    403: "Action non autorisée",
    404: "Introuvable",
    405: "Méthode non autorisée",
    408: "Envoi trop lent",
    409: "Action impossible dans cette situation",
    410: "Plus valable",
    413: "Envoi trop volumineux",
    415: "Format non accepté",
    422: "Informations à corriger",
    429: "Trop de demandes",
    431: "En-têtes trop volumineux",
    500: "Erreur interne",
    503: "Service indisponible",
    504: "Délai dépassé",
}
RETRY_AFTER = {429: 60, 503: 5}  # Seconds, when the refusal does not say.
# Which field a whole refusal is about.
POINTED: dict[type[Refusal], str] = {
    PasswordIsTooWeak: "/password",
    PasswordIsNotTheSignUps: "/password",
    TermsMustBeAccepted: "/accepts_terms",
}


class EdgeRefusal(Exception):
    """What the gateway refuses before any service is asked."""

    status = 400
    headers: Mapping[str, str] = {}

    @property
    def detail(self) -> str:
        return (self.__doc__ or "").strip()


class MalformedBody(EdgeRefusal):
    """Le corps de la requête n'est pas un document JSON lisible, en UTF-8."""


class MalformedForm(EdgeRefusal):
    """Le formulaire reçu n'est pas lisible. Rechargez la page et recommencez."""


class MalformedHeader(EdgeRefusal):
    """Un en-tête de la requête n'a pas la forme attendue."""


class PathIsUnknown(EdgeRefusal):
    """Cette adresse n'existe pas."""

    status = 404


class VerbNotAllowed(EdgeRefusal):
    """Cette adresse n'accepte pas cette méthode."""

    status = 405

    def __init__(self, verbs: Collection[str]) -> None:
        super().__init__()
        allowed = {*verbs, *(["HEAD"] if "GET" in verbs else [])}
        self.headers = {"Allow": ", ".join(sorted(allowed))}


class BodyIsTooSlow(EdgeRefusal):
    """La requête n'a pas été reçue en entier dans le temps imparti."""

    status = 408
    headers = {"Connection": "close"}


class BodyIsTooLarge(EdgeRefusal):
    """Le corps de la requête est trop volumineux."""

    status = 413


class TypeNotAccepted(EdgeRefusal):
    """Envoyez du JSON non compressé : Content-Type: application/json."""

    status = 415


class FormIsExpected(EdgeRefusal):
    """Cette page n'accepte que son propre formulaire. Rechargez-la et recommencez."""

    status = 415


class TooBusy(EdgeRefusal):
    """Trop de demandes sont en cours ; réessayez dans quelques instants."""

    status = 503
    headers = {"Retry-After": "1"}


class RequestIsForged(EdgeRefusal):
    """Cette demande ne vient pas d'une page de ce site. Rechargez la page et recommencez."""

    status = 403


class FormIsStale(EdgeRefusal):
    """Cette page n'était plus à jour : votre session a changé depuis son ouverture. Relisez-la et envoyez-la de nouveau."""

    status = 403


class UnexpectedError(EdgeRefusal):
    """Une erreur inattendue s'est produite. Indiquez le numéro de la demande si vous nous contactez."""

    status = 500


@dataclass(frozen=True)
class Problem:
    """One refusal, ready to be told."""

    status: int
    name: str
    detail: str
    errors: list[dict[str, str]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return TITLES[self.status]

    def document(self, *, instance: str, request_id: str) -> dict[str, Any]:
        """The RFC 9457 object."""
        told: dict[str, Any] = {
            "type": f"/problemes/{self.name}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "request_id": request_id,
        }
        return told | ({"errors": self.errors} if self.errors else {})


def of(error: Exception) -> Problem:
    """What is told of any exception: of an unexpected one, nothing but that it happened."""
    if isinstance(error, Refusal):
        return _of_refusal(error)
    edge = error if isinstance(error, EdgeRefusal) else UnexpectedError()
    return Problem(edge.status, type(edge).__name__, edge.detail, headers=edge.headers)


def status_of(refusal: type[Refusal]) -> int:
    """The status of a refusal: its own, or its kind's."""
    return next(STATUSES[cls] for cls in refusal.__mro__ if cls in STATUSES)


def _of_refusal(refusal: Refusal) -> Problem:
    status = status_of(type(refusal))
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status in RETRY_AFTER:
        headers["Retry-After"] = str(refusal.facts.get("retry_after", RETRY_AFTER[status]))
    return Problem(status, type(refusal).__name__, refusal.detail, _errors(refusal), headers)


def _errors(refusal: Refusal) -> list[dict[str, str]]:
    pointer = POINTED.get(type(refusal))
    whole = [{"pointer": pointer, "detail": refusal.detail}] if pointer else []
    return [
        {"pointer": str(one.get("pointer", "")), "detail": str(one.get("detail", ""))}
        for one in refusal.facts.get("errors", whole)
    ]


def respond(problem: Problem, *, instance: str, request_id: str) -> Response:
    """The problem as an HTTP answer."""
    content = orjson.dumps(problem.document(instance=quote(instance, safe="/{}:"), request_id=request_id))
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "X-Request-Id": request_id}
    return Response(content, problem.status, headers | dict(problem.headers), media_type=MEDIA_TYPE)
