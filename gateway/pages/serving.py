"""What turns a row of the page table into an answer: like the API's endpoints, but for people and their forms."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from contracts.accounts import SessionHasEnded
from contracts.errors import Conflict, Forbidden, Invalid, TooMany, Unauthenticated
from contracts.organizations import OrganizationNotFound
from gateway import forgery, identity, problems, receiving
from gateway.asking import Asking, Calls
from gateway.endpoint import path_value
from gateway.pages.rendering import Site
from gateway.pages.visit import KEY_FIELD, Visit
from gateway.problems import MalformedBody, VerbNotAllowed

DEADLINE_SECONDS = 5.0
MOST_FIELDS = 100
SHOWN_ON_THE_FORM = (Invalid, Unauthenticated, Forbidden, Conflict, TooMany)

Show = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True)
class Page:
    """One row of the page table. `again` shows a refused form anew, with its errors; `prefix` is where its fields stood."""

    verb: str
    path: str
    show: Show
    again: Show | None = None
    needs_session: bool = False
    prefix: str = ""

    @property
    def has_token(self) -> bool:
        return "{token}" in self.path


class PageEndpoint:
    """Every page of one path, as an ASGI application."""

    def __init__(self, pages: list[Page], bus: Calls, site: Site) -> None:
        self._pages = {page.verb: page for page in pages}
        self._bus = bus
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        page = self._pages.get("GET" if request.method == "HEAD" else request.method)
        if page is None:
            raise VerbNotAllowed(sorted(self._pages))
        request.state.pattern, request.state.has_token = page.path, page.has_token
        response = await self._answer(request, page)
        await response(scope, receive, send)

    async def _answer(self, request: Request, page: Page) -> Response:
        form = await self._form(request) if page.verb == "POST" else {}
        asking = Asking(
            bus=self._bus,
            request_id=request.state.request_id,
            deadline=time.time() + DEADLINE_SECONDS,
            idempotency_key=form.get(KEY_FIELD) or None,
        )
        session, has_ended = await self._session(request, asking)
        if has_ended and page.verb == "GET":
            return self._come_back_without_session(request)
        if page.needs_session and session is None:
            return self._to_log_in(request)
        path = {name: path_value(name, text, (OrganizationNotFound,)) for name, text in request.path_params.items()}
        visit = Visit(request, self._site, asking.within(session), path, form, prefix=page.prefix)
        return await self._show(page, visit)

    async def _show(self, page: Page, visit: Visit) -> Response:
        if page.again is None:
            return await page.show(visit)
        try:
            return await page.show(visit)
        except SHOWN_ON_THE_FORM as refusal:
            visit.problem = problems.of(refusal)
            visit.request.state.refusal = visit.problem.name
            return await page.again(visit)

    async def _form(self, request: Request) -> dict[str, str]:
        receiving.check_is_form(request)
        body = await receiving.read_body(request, self._site.settings)
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        except ValueError:  # Not UTF-8, or more fields than any form of ours has.
            raise MalformedBody() from None
        form = dict(pairs)
        forgery.check_form(request, self._site.settings, form.get(forgery.FIELD, ""))
        return form

    async def _session(self, request: Request, asking: Asking) -> tuple[Any, bool]:
        """The browser's session, and whether it holds one that has ended."""
        token = request.cookies.get(self._site.settings.session_cookie)
        if not token:
            return None, False
        try:
            session = await identity.session_of(identity.Credentials(token, by_cookie=True), asking)
        except SessionHasEnded:
            return None, True
        request.state.account_id = session.account_id
        return session, False

    def _come_back_without_session(self, request: Request) -> Response:
        """Forms are bound to the session that the browser shows, so an ended one must be gone before a form is shown."""
        response = RedirectResponse(f"{request.url.path}?{request.url.query}".rstrip("?"), 303)
        identity.forget(response, self._site.settings)
        return response

    def _to_log_in(self, request: Request) -> Response:
        suffix = f"?suite={quote(request.url.path)}" if request.method == "GET" else ""
        return RedirectResponse(f"/connexion{suffix}", 303)
