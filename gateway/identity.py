"""Who asks: the session that a cookie or a bearer token proves, as accounts knows it."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from contracts import accounts
from contracts.accounts import SessionHasEnded
from contracts.errors import Unauthenticated
from gateway.asking import Asking, Session
from gateway.settings import Settings

LONGEST_TOKEN = 512


@dataclass(frozen=True)
class Credentials:
    """What a request presents. Browsers send cookies by themselves, so only these can be abused by another site."""

    token: str
    by_cookie: bool


def presented(request: Request, settings: Settings) -> Credentials | None:
    """The request's token, from its Authorization header, else from its cookie."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated()
        return Credentials(token.strip(), by_cookie=False)
    token = request.cookies.get(settings.session_cookie, "")
    return Credentials(token, by_cookie=True) if token else None


async def session_of(credentials: Credentials, asking: Asking) -> Session:
    """The live session, or SessionHasEnded."""
    if not credentials.token.isascii() or not 0 < len(credentials.token) <= LONGEST_TOKEN:
        raise SessionHasEnded()
    found = await asking(accounts.get_session, session_token=credentials.token)
    return session_from(found, credentials.token)


def session_from(found: dict[str, Any], token: str) -> Session:
    """A session as accounts tells it."""
    return Session(token=token, **{name: found[name] for name in accounts.Session._declared_fields})


def keep(response: Response, token: str, settings: Settings) -> None:
    """Give the browser its session; gone with the browser, unreadable by scripts, not sent from other sites' forms."""
    set_cookie(response, settings.session_cookie, token, settings)


def forget(response: Response, settings: Settings) -> None:
    """Take the session back from the browser."""
    response.delete_cookie(settings.session_cookie, path="/", secure=not settings.insecure_cookies, httponly=True, samesite="lax")


def set_cookie(response: Response, name: str, value: str, settings: Settings) -> None:
    """Keep a value in the browser until it closes."""
    response.set_cookie(name, value, path="/", secure=not settings.insecure_cookies, httponly=True, samesite="lax")
