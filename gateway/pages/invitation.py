"""Answering an invitation, with the account one has or with a new one."""

from typing import Any

from starlette.responses import Response

from contracts import accounts, invitations
from gateway import compositions, schemas
from gateway.pages.serving import Page
from gateway.pages.visit import Visit


async def show(visit: Visit) -> Response:
    """Who invites whom, and as whom one is here; opening it accepts nothing."""
    invitation = await visit.asking(invitations.get_invitation, token=visit.token)
    account = await visit.asking(accounts.get_account) if visit.is_logged_in else None
    return visit.render("invitation.html", invitation=invitation, account=account)


async def accept(visit: Visit) -> Response:
    """Join, and arrive among one's organizations."""
    answers: dict[str, Any] = {} if visit.is_logged_in else visit.load(schemas.Acceptance)
    accepted = await compositions.accept_invitation(visit.asking, token=visit.token, **answers)
    if accepted["session_token"]:
        return visit.redirect_with_session("/tableau-de-bord", accepted["session_token"])
    return visit.redirect("/tableau-de-bord")


PAGES = [
    Page("GET", "/invitation/{token}", show),
    Page("POST", "/invitation/{token}", accept, again=show),
]
