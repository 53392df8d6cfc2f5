"""Against requests that another site makes a browser send: where it says they come from, and a signed token in forms.

The token is an HMAC over the session, or over a random visitor cookie where there is no session yet: another site can neither
read nor guess it, and one person's token serves nobody else.
"""

import hmac
import re
import secrets

from starlette.requests import Request
from starlette.responses import Response

from gateway import identity
from gateway.problems import FormIsStale, RequestIsForged
from gateway.settings import Settings

FIELD = "csrf_token"
_VISITOR = re.compile(r"[A-Za-z0-9_-]{43}")


def check_api(request: Request, settings: Settings) -> None:
    """Refuse a cookie's unsafe request unless the browser says that it comes from our own pages."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if not (site == "same-origin" if site else origin == settings.origin):
        raise RequestIsForged()


def check_form(request: Request, settings: Settings, token: str) -> None:
    """Refuse a form that was not filled in on one of our pages by this very person.

    FormIsStale when the browser itself says that it was one of our pages: then the person's session has changed since.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    # Pages whose address holds a token send no referrer, and browsers then say « null » for the origin too.
    comes_from_elsewhere = site != "same-origin" if site else origin not in (None, "null", settings.origin)
    if comes_from_elsewhere:
        raise RequestIsForged()
    if not hmac.compare_digest(token.encode(), form_token(request, settings).encode()):
        raise FormIsStale() if site or origin == settings.origin else RequestIsForged()


def form_token(request: Request, settings: Settings) -> str:
    """What every form carries."""
    session = request.cookies.get(settings.session_cookie)
    bound = f"session|{session}" if session else f"visitor|{visitor(request, settings)}"
    return hmac.digest(settings.cookie_key, f"form|{bound}".encode(), "sha256").hex()


def visitor(request: Request, settings: Settings) -> str:
    """The random name of a browser without a session, the same during one request."""
    known: str | None = getattr(request.state, "visitor", None)
    if known is None:
        kept = request.cookies.get(settings.cookie("visitor"), "")
        known = kept if _VISITOR.fullmatch(kept) else secrets.token_urlsafe(32)
        request.state.visitor = known
    return known


def keep_visitor(request: Request, response: Response, settings: Settings) -> None:
    """Let the browser come back under the name its form was bound to."""
    name = visitor(request, settings)
    if request.cookies.get(settings.cookie("visitor")) != name:
        identity.set_cookie(response, settings.cookie("visitor"), name, settings)
