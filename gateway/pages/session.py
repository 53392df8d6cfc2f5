"""Logging in and out."""

import re

from starlette.responses import Response

from contracts import accounts
from gateway import identity, schemas
from gateway.pages.serving import Page
from gateway.pages.visit import Visit

NOTICES = {
    "inscription": "C'est noté. Consultez votre messagerie : nous vous avons envoyé la suite par e-mail.",
    "confirmation": "Votre adresse e-mail est confirmée. Vous pouvez vous connecter.",
    "deconnexion": "Vous êtes déconnecté.",
}
DASHBOARD = "/tableau-de-bord"
_OWN_PATH = re.compile(r"/(invitation/[A-Za-z0-9_-]+|tableau-de-bord|structures/[0-9a-f-]+/collaborateurs)")


async def show(visit: Visit) -> Response:
    """The log-in form."""
    if visit.is_logged_in:
        return visit.redirect(DASHBOARD)
    notice = NOTICES.get(visit.request.query_params.get("info", ""), "")
    return visit.render("log_in.html", notice=notice, next_path=next_path(visit))


async def log_in(visit: Visit) -> Response:
    """Open a session and go where the person was going."""
    opened = await visit.asking.within(None)(accounts.log_in, **visit.load(schemas.LogIn))
    return visit.redirect_with_session(next_path(visit) or DASHBOARD, opened["session_token"])


async def log_out(visit: Visit) -> Response:
    """End the session, if there is one."""
    if visit.is_logged_in:
        await visit.asking(accounts.log_out)
    response = visit.redirect("/connexion?info=deconnexion")
    identity.forget(response, visit.site.settings)
    return response


def next_path(visit: Visit) -> str:
    """Where to go after the log-in: only pages of ours that a log-in may interrupt."""
    wanted = visit.form.get("suite") or visit.request.query_params.get("suite", "")
    return wanted if _OWN_PATH.fullmatch(wanted) else ""


PAGES = [
    Page("GET", "/connexion", show),
    Page("POST", "/connexion", log_in, again=show),
    Page("POST", "/deconnexion", log_out),
]
