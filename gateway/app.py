"""The gateway's application: the route table, the page table, the documents and the files, behind one edge."""

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Mount
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway import openapi
from gateway.asking import Calls
from gateway.assets import Assets
from gateway.edge import DOCUMENTS_POLICY, Edge
from gateway.endpoint import Endpoint
from gateway.health import Health
from gateway.pages import dashboard, home, invitation, joining, session
from gateway.pages.rendering import Site
from gateway.pages.serving import Page, PageEndpoint
from gateway.problems import PathIsUnknown, VerbNotAllowed
from gateway.room import Room
from gateway.routes import ROUTES
from gateway.settings import Settings


def make_app(bus: Calls, health: Health, settings: Settings) -> ASGIApp:
    """The whole application."""
    site, room = Site(settings), Room(settings)
    table = [Mount(path, Endpoint(rows, bus, settings, room)) for path, rows in _by_path(ROUTES)]
    table += [Mount(path, PageEndpoint(rows, bus, site, room)) for path, rows in _by_path(all_pages(health))]
    table += _files(site, settings)
    return Edge(Router(table, redirect_slashes=False, default=_unknown), settings, home.error_page(site))


def all_pages(health: Health) -> list[Page]:
    """The page table."""
    return [*home.pages(health.report), *joining.PAGES, *invitation.PAGES, *session.PAGES, *dashboard.PAGES]


def _by_path(rows: Iterable[Any]) -> list[tuple[str, list[Any]]]:
    return [(path, list(group)) for path, group in groupby(sorted(rows, key=attrgetter("path")), attrgetter("path"))]


def _files(site: Site, settings: Settings) -> list[Mount]:
    """What is the same for everybody: the API's documents, style sheets and scripts."""
    assets = Assets()
    described = orjson.dumps(openapi.document(settings.site_name, settings.session_cookie))

    def document(request: Request) -> Response:
        return Response(described, media_type="application/json")

    def documents(request: Request) -> Response:
        response = site.render("documents.html")
        response.headers["Content-Security-Policy"] = DOCUMENTS_POLICY
        return response

    def file(request: Request) -> Response:
        return assets.respond(request.path_params["name"])

    return [
        Mount("/api/openapi.json", _Reading("/api/openapi.json", document)),
        Mount("/api/docs", _Reading("/api/docs", documents)),
        Mount("/static/{name}", _Reading("/static/{name}", file)),
    ]


class _Reading:
    """A path that is only read."""

    def __init__(self, pattern: str, respond: Any) -> None:
        self._pattern = pattern
        self._respond = respond

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        request.state.pattern, request.state.has_token = self._pattern, False
        if request.method not in ("GET", "HEAD"):
            raise VerbNotAllowed(["GET"])
        await self._respond(request)(scope, receive, send)


async def _unknown(scope: Scope, receive: Receive, send: Send) -> None:
    raise PathIsUnknown()
