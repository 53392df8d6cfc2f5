"""What turns a row of the page table into an answer: like the API's endpoints, but for people and their forms."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from chassis.wire import CallFailed
from contracts import catalogue
from contracts.accounts import SessionHasEnded
from contracts.errors import Conflict, Forbidden, Invalid, Refusal, TooMany, Unauthenticated, Unavailable
from contracts.organizations import OrganizationNotFound
from gateway import forgery, identity, problems, receiving
from gateway.asking import Asking, Calls
from gateway.endpoint import path_value
from gateway.pages.rendering import Site
from gateway.pages.visit import KEY_FIELD, NEXT_FIELD, Visit
from gateway.problems import FormIsStale, TooBusy, VerbNotAllowed
from gateway.room import Room

# For a whole page: no call that a page makes is given less than its method asks.
DEADLINE_SECONDS = max(method.deadline for method in catalogue.methods().values() if "gateway" in method.callers)
AGAIN_SECONDS = 2.0  # To show a refused form anew, though its time was used up.
GREETING_SECONDS = 1.0  # To find out who looks at a page that needs nobody.
SHOWN_ON_THE_FORM = (Invalid, Unauthenticated, Forbidden, Conflict, TooMany, Unavailable, FormIsStale)

Show = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True)
class Page:
    """One row of the page table. `again` shows a refused form anew, with its errors; `prefix` is where its fields stood.

    `stands_alone`: it calls no service and needs nobody, so that it is shown whatever is down or crowded.
    """

    verb: str
    path: str
    show: Show
    again: Show | None = None
    needs_session: bool = False
    stands_alone: bool = False
    prefix: str = ""

    @property
    def has_token(self) -> bool:
        return "{token}" in self.path


class PageEndpoint:
    """Every page of one path, as an ASGI application."""

    def __init__(self, pages: list[Page], bus: Calls, site: Site, room: Room) -> None:
        self._pages = {page.verb: page for page in pages}
        self._bus = bus
        self._site = site
        self._room = room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        page = self._page(request)
        form = await self._form(request) if page.verb == "POST" else {}
        visit = Visit(request, self._site, self._asking(request, form), form, prefix=page.prefix)
        request.state.visit = visit  # For an error page: its header says whether one is logged in.
        if page.stands_alone:
            response = await self._answer_anybody(page, visit)
        else:
            with self._room.place():
                response = await self._answer(page, visit)
        await response(scope, receive, send)

    def _page(self, request: Request) -> Page:
        one = next(iter(self._pages.values()))  # A refused verb keeps the address's secret too.
        request.state.pattern = one.path
        request.state.has_token = one.has_token or NEXT_FIELD in request.query_params
        verb = "GET" if request.method == "HEAD" else request.method
        if verb not in self._pages:
            raise VerbNotAllowed(self._pages)
        return self._pages[verb]

    async def _form(self, request: Request) -> dict[str, str]:
        receiving.check_is_form(request)
        return receiving.read_form(await self._room.body(request))

    def _asking(self, request: Request, form: dict[str, str]) -> Asking:
        return Asking(
            bus=self._bus,
            request_id=request.state.request_id,
            deadline=time.time() + DEADLINE_SECONDS,
            idempotency_key=receiving.key(form.get(KEY_FIELD)),
        )

    async def _answer_anybody(self, page: Page, visit: Visit) -> Response:
        asking = replace(visit.asking, deadline=time.time() + GREETING_SECONDS)
        try:
            with self._room.place():
                has_ended = await self._recognize(visit, asking)
        except (Unavailable, CallFailed, TooBusy):
            has_ended = False  # Perhaps not even that: shown as to a visitor, and the cookie stays.
        return self._come_back_without_session(visit.request) if has_ended else await page.show(visit)

    async def _answer(self, page: Page, visit: Visit) -> Response:
        stale = self._check_form(visit) if page.verb == "POST" else None
        has_ended = await self._recognize(visit, visit.asking)
        if has_ended and page.verb == "GET":
            return self._come_back_without_session(visit.request)
        if page.needs_session and not visit.is_logged_in:
            return self._to_log_in(visit.request)
        names = visit.request.path_params.items()
        visit.path = {name: path_value(name, text, (OrganizationNotFound,)) for name, text in names}
        return await self._show(page, visit, stale)

    def _check_form(self, visit: Visit) -> FormIsStale | None:
        try:
            forgery.check_form(visit.request, self._site.settings, visit.form.get(forgery.FIELD, ""))
        except FormIsStale as refusal:
            return refusal
        return None

    async def _recognize(self, visit: Visit, asking: Asking) -> bool:
        """Note whose session the browser holds; say whether it holds one that has ended."""
        token = visit.request.cookies.get(self._site.settings.session_cookie)
        if not token:
            return False
        try:
            session = await identity.session_of(identity.Credentials(token, by_cookie=True), asking)
        except SessionHasEnded:
            return True
        visit.request.state.account_id = session.account_id
        visit.asking = visit.asking.within(session)
        return False

    async def _show(self, page: Page, visit: Visit, stale: FormIsStale | None) -> Response:
        try:
            if stale:
                raise stale
            return await page.show(visit)
        except SHOWN_ON_THE_FORM as refusal:
            if page.again is None:
                raise
            visit.problem = problems.of(refusal)
            visit.request.state.refusal = visit.problem.name
            visit.may_have_acted = isinstance(refusal, Unavailable)
            visit.asking = replace(visit.asking, deadline=max(visit.asking.deadline, time.time() + AGAIN_SECONDS))
            return await self._show_again(page.again, visit, refusal)

    async def _show_again(self, again: Show, visit: Visit, refusal: Exception) -> Response:
        """The form anew, with what was wrong; where there is none any more, a page that says why it was refused."""
        try:
            return await again(visit)
        except Refusal:
            if isinstance(refusal, Invalid | FormIsStale):  # It was about the form itself: that there is none says more.
                raise
            raise refusal from None

    def _come_back_without_session(self, request: Request) -> Response:
        """Forms are bound to the session that the browser shows, so an ended one must be gone before a form is shown."""
        response = RedirectResponse(f"{request.url.path}?{request.url.query}".rstrip("?"), 303)
        identity.forget(response, self._site.settings)
        return response

    def _to_log_in(self, request: Request) -> Response:
        suffix = f"?suite={quote(request.url.path)}" if request.method == "GET" else ""
        return RedirectResponse(f"/connexion{suffix}", 303)
