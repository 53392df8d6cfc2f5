"""What turns a row of the route table into an answer."""

import re
import time
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from contracts.accounts import SessionHasEnded
from contracts.errors import Invalid, NotFound, Refusal, Unauthenticated
from contracts.fields import Record
from contracts.links import LinkIsUnknown
from contracts.method import Method
from gateway import forgery, identity, receiving
from gateway.asking import Asking, Calls
from gateway.problems import VerbNotAllowed
from gateway.room import Room
from gateway.routes import Route, Session
from gateway.settings import Settings

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,512}")


class Endpoint:
    """Every route of one path, as an ASGI application."""

    def __init__(self, routes: list[Route], bus: Calls, settings: Settings, room: Room) -> None:
        self._routes = {route.verb: route for route in routes}
        self._bus = bus
        self._settings = settings
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        route = self._route(request)
        body = await self._room.body(request) if route.verb in UNSAFE else b""
        with self._room.place():
            response = await self._answer(request, route, body)
        await response(scope, receive, send)

    def _route(self, request: Request) -> Route:
        one = next(iter(self._routes.values()))  # A refused verb keeps the address's secret too.
        request.state.pattern, request.state.has_token = one.path, one.has_token
        verb = "GET" if request.method == "HEAD" else request.method
        if verb not in self._routes:
            raise VerbNotAllowed(self._routes)
        return self._routes[verb]

    async def _answer(self, request: Request, route: Route, body: bytes) -> Response:
        is_body_needed = route.takes is not None and not route.body_is_for_visitors
        sent = receiving.read_json(request, body, is_needed=is_body_needed) if route.verb in UNSAFE else {}
        asking = Asking(
            bus=self._bus,
            request_id=request.state.request_id,
            deadline=time.time() + route.deadline,
            idempotency_key=receiving.idempotency_key(request) if route.takes_key else None,
        )
        asking = asking.within(await self._session(request, route, asking))
        values = _values(request, route, sent, with_session=asking.session is not None)
        if route.session is Session.ENDED and asking.session is None:
            return self._respond(route, None)
        return self._respond(route, await _call(route, asking, values))

    async def _session(self, request: Request, route: Route, asking: Asking) -> identity.Session | None:
        if route.session is Session.OPENED:
            return None
        credentials = identity.presented(request, self._settings)
        if credentials is None:
            if route.session is Session.OPTIONAL:
                return None
            raise Unauthenticated()
        if credentials.by_cookie and request.method in UNSAFE:
            forgery.check_api(request, self._settings)
        try:
            session = await identity.session_of(credentials, asking)
        except SessionHasEnded:
            if route.session is Session.ENDED:
                return None
            raise
        request.state.account_id = session.account_id
        return session

    def _respond(self, route: Route, result: Any) -> Response:
        if route.gives is None:
            response = Response(status_code=route.status)
        else:
            content = orjson.dumps(receiving.schema_of(route.gives).dump(result))
            response = Response(content, route.status, media_type="application/json")
        if isinstance(result, dict) and result.get("session_token"):
            identity.keep(response, result["session_token"], self._settings)
        if route.session is Session.ENDED:
            identity.forget(response, self._settings)
        return response


def _values(request: Request, route: Route, sent: dict[str, Any], *, with_session: bool) -> dict[str, Any]:
    """The call's arguments: from the path, the query string and the body, where nothing unknown may stand."""
    values: dict[str, Any] = {name: path_value(name, text, route.refuses) for name, text in request.path_params.items()}
    if route.query:
        values |= receiving.load(route.query, _query(request))
    if not (route.body_is_for_visitors and with_session):
        values |= receiving.load(route.takes or Record, sent)
    elif sent:  # Not needed, and right all the same.
        receiving.load(route.takes or Record, sent)
    return values


def path_value(name: str, text: str, refuses: Iterable[type[Refusal]] = ()) -> UUID | str:
    """An id or a token of the path; what cannot be one is unknown, in the very words for one that is."""
    if name == "token":
        if not _TOKEN.fullmatch(text):
            raise LinkIsUnknown()
        return text
    if not name.endswith("_id"):
        return text
    if not _UUID.fullmatch(text):
        raise next((refusal for refusal in refuses if issubclass(refusal, NotFound)), NotFound)()
    return UUID(text)


def _query(request: Request) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise Invalid.at(f"/{name}", "Une seule valeur est attendue.")
        given[name] = value
    return given


async def _call(route: Route, asking: Asking, values: dict[str, Any]) -> Any:
    """The route's result; a refusal's field errors are told in the words of the public body."""
    try:
        if isinstance(route.call, Method):
            return await asking(route.call, **values)
        return await route.call(asking, **values)
    except Invalid as refusal:
        refusal.facts = refusal.facts | translated(refusal, route)
        raise


def translated(refusal: Invalid, route: Route) -> dict[str, Any]:
    """Pointers that lead to what the client sent; none to what it did not, such as a token of the path."""
    known = {name for schema in (route.takes, route.query) if schema for name in schema._declared_fields}
    errors = refusal.facts.get("errors", [])
    told = [error if f"{error['pointer']}/".split("/")[1] in known else {**error, "pointer": ""} for error in errors]
    return {"errors": told} if told else {}
