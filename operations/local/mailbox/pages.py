"""The web side of the mailbox: pages for people, JSON for tests."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from operations.local.mailbox.store import Failure

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'"

# A mail is a stranger's page: no script, no form, nothing fetched; its links open a window of their own.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
)

templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape(default=True))


def application(store, receiver, hosts):
    """Return the pages over this store. `hosts` are the names it answers to: no other site may read it by DNS tricks."""
    pages = Pages(store, receiver)
    routes = [
        Route("/", pages.mails),
        Route("/mails/{name}", pages.mail),
        Route("/mails/{name}/html", pages.html),
        Route("/mails/{name}/source", pages.source),
        Route("/api/messages", pages.list_messages),
        Route("/api/messages", pages.clear, methods=["DELETE"]),
        Route("/api/failure", pages.fail, methods=["PUT"]),
        Route("/readyz", lambda request: PlainTextResponse("ok")),
    ]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts)])


class Pages:
    """Every page and every JSON answer."""

    def __init__(self, store, receiver):
        self.store = store
        self.receiver = receiver

    async def mails(self, request):
        to = request.query_params.get("to") or None
        return page("mails.html", mails=self.store.mails(to), to=to)

    async def mail(self, request):
        mail = self.store.find(request.path_params["name"])
        return page("mail.html", mail=mail) if mail else page("missing.html", 404)

    async def html(self, request):
        mail = self.store.find(request.path_params["name"])
        if mail is None:
            return page("missing.html", 404)
        # The base makes links leave the frame, whatever the mail says of them.
        content = f'<!doctype html><base target="_blank">{mail.body("html")}'
        return HTMLResponse(content, headers={"Content-Security-Policy": MAIL_POLICY, **PLAIN_HEADERS})

    async def source(self, request):
        mail = self.store.find(request.path_params["name"])
        if mail is None:
            return page("missing.html", 404)
        return PlainTextResponse(mail.raw.decode("utf-8", "replace"), headers=PLAIN_HEADERS)

    async def list_messages(self, request):
        mails = self.store.mails(request.query_params.get("to"))
        return JSONResponse([mail.as_json() for mail in mails])

    async def clear(self, request):
        self.store.clear()
        return Response(status_code=204)

    async def fail(self, request):
        try:
            self.receiver.failure = Failure(**await request.json())
        except (TypeError, ValueError) as error:
            return PlainTextResponse(str(error), 422)
        return Response(status_code=204)


PLAIN_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}


def page(template, status=200, **values):
    content = templates.get_template(template).render(values)
    return HTMLResponse(content, status, {"Content-Security-Policy": PAGE_POLICY, **PLAIN_HEADERS})
