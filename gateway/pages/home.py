"""The front page, the state of the system, and what each problem means."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from contracts.errors import Refusal
from gateway import problems
from gateway.edge import ErrorPage
from gateway.pages.rendering import Site
from gateway.pages.serving import Page, Show
from gateway.pages.visit import Visit
from gateway.problems import PathIsUnknown, Problem

# Where a person goes on from a refusal: the path, and what is found there.
NEXT_STEPS = {
    "MagicLinkIsOver": ("/inscription", "Rechercher votre structure"),
    "InvitationIsOver": ("/connexion", "Me connecter"),
    "ConfirmationLinkIsOver": ("/connexion", "Me connecter"),
    "StructureHasMembers": ("/inscription", "Revenir à la recherche"),
    "StructureHasNoOfficialAddress": ("/inscription", "Revenir à la recherche"),
    "OrganizationNotFound": ("/tableau-de-bord", "Voir mes organisations"),
}
HOME = ("/", "Revenir à l'accueil")


async def show_home(visit: Visit) -> Response:
    """What this is, and where everything else is found."""
    return visit.render("home.html")


def state_page(report: Callable[[], Awaitable[dict[str, Any]]]) -> Show:
    """The health document, for people."""

    async def show_state(visit: Visit) -> Response:
        return visit.render("state.html", report=await report())

    return show_state


async def show_problem(visit: Visit) -> Response:
    """What one type of problem means: the page behind a problem document's `type`."""
    name = visit.request.path_params["name"]
    known: dict[str, Any] = {cls.__name__: cls for cls in problems.EdgeRefusal.__subclasses__()} | dict(Refusal.named)
    if name not in known:
        raise PathIsUnknown()
    detail = (known[name].__doc__ or "").strip()
    return visit.render("problem_type.html", name=name, detail=detail)


def error_page(site: Site) -> ErrorPage:
    """What people see of a refusal that no form shows."""

    def show(request: Request, problem: Problem) -> Response:
        next_step = NEXT_STEPS.get(problem.name, HOME)
        known = {"request_id": request.state.request_id, "visit": getattr(request.state, "visit", None)}
        return site.render("refused.html", problem.status, problem=problem, next_step=next_step, **known)

    return show


def pages(report: Callable[[], Awaitable[dict[str, Any]]]) -> list[Page]:
    """This part of the page table."""
    return [
        Page("GET", "/", show_home, stands_alone=True),
        Page("GET", "/etat", state_page(report), stands_alone=True),
        Page("GET", "/problemes/{name}", show_problem, stands_alone=True),
    ]
