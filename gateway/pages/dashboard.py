"""One's organizations, and the people who act for each."""

import asyncio

from starlette.responses import Response

from contracts import accounts, invitations, organizations
from contracts.vocabulary import InvitationState, JoinState
from gateway import compositions, receiving, schemas
from gateway.pages.serving import Page
from gateway.pages.visit import Visit


async def show_organizations(visit: Visit) -> Response:
    """The organizations that one acts for, and what became of the one that one signed up for."""
    mine, account = await asyncio.gather(visit.asking(organizations.list_my_organizations), visit.asking(accounts.get_account))
    is_joining = account["join_state"] == JoinState.REMEMBERED
    # Who was refused may have been invited since.
    is_member = account["join_organization_id"] in [one["structure"]["organization_id"] for one in mine["items"]]
    refusal = None if is_member else account["join_refusal"]
    return visit.render("dashboard.html", organizations=mine["items"], is_joining=is_joining, refusal=refusal)


async def show_people(visit: Visit) -> Response:
    """Members, pending invitations, and the form that invites."""
    ask, organization_id = visit.asking, visit.organization_id
    organization = await ask(organizations.get_standing, organization_id=organization_id)
    members, sent = await asyncio.gather(
        compositions.list_members(ask, organization_id=organization_id, cursor=visit.request.query_params.get("suivants")),
        ask(invitations.list_invitations, organization_id=organization_id),
    )
    pending = [one for one in sent["items"] if one["state"] == InvitationState.PENDING]
    has_invited = visit.request.query_params.get("info") == "invitation"
    return visit.render("people.html", organization=organization, members=members, invitations=pending, has_invited=has_invited)


async def invite(visit: Visit) -> Response:
    """Invite one person."""
    given = {name: visit.form[name] for name in schemas.Invitee._declared_fields if name in visit.form}
    invitees = receiving.load(schemas.Invitees, {"invitees": [given]})["invitees"]
    await visit.asking(invitations.invite, organization_id=visit.organization_id, invitees=invitees)
    return visit.redirect(f"{visit.request.url.path}?info=invitation")


PAGES = [
    Page("GET", "/tableau-de-bord", show_organizations, needs_session=True),
    Page("GET", "/structures/{organization_id}/collaborateurs", show_people, needs_session=True),
    Page(
        "POST", "/structures/{organization_id}/collaborateurs", invite,
        again=show_people, needs_session=True, prefix="/invitees/0",
    ),
]  # fmt: skip
