"""A gateway without a broker: its application, over a bus that answers what the test says."""

import uuid
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis import wire
from contracts import accounts
from contracts.accounts import SessionHasEnded
from contracts.vocabulary import AccountKind
from gateway.app import make_app
from gateway.health import Health
from gateway.settings import Settings
from tests.gateway.callee import Service
from tests.gateway.proxy import Proxy

SITE = "https://emplois.example"
TOKEN = "s" * 43
LATER = datetime(2026, 12, 1, 12, tzinfo=UTC)


class StubBus:
    """Answers calls as told. Requests and results cross the schemas, so that neither can be what the wire would refuse."""

    def __init__(self):
        self.is_up = True
        self.answers = {}
        self.calls = []
        self.sessions = {}

    def answer(self, method, result=None):
        """From now on this method gives that result; an exception is raised, a function is called with the request."""
        self.answers[method.name] = result

    def open_session(self, token=TOKEN, kind=AccountKind.EMPLOYER):
        now = datetime.now(UTC)
        session = {"account_id": uuid.uuid4(), "session_id": uuid.uuid4(), "kind": kind}
        self.sessions[token] = session | {"authenticated_at": now, "expires_at": LATER}
        return self.sessions[token]

    @property
    def names(self):
        """The methods called, but for the session's."""
        return [call["method"].name for call in self.calls if call["method"] is not accounts.get_session]

    async def call(self, method, subject, *, request_id, idempotency_key=None, deadline=None, **request):
        request = wire.load_request(method, orjson.loads(wire.dump_request(method, request)))
        self.calls.append(
            {
                "method": method,
                "subject": subject,
                "request": request,
                "key": idempotency_key,
                "request_id": request_id,
                "deadline": deadline,
            }
        )
        if method is accounts.get_session and method.name not in self.answers:
            return self._session(request["session_token"])
        result = self.answers[method.name]
        result = result(**request) if callable(result) and not isinstance(result, type) else result
        if isinstance(result, BaseException):
            raise result
        return wire.load_result(method, wire.dump_result(method, result))

    def _session(self, token):
        if token not in self.sessions:
            raise SessionHasEnded()
        return self.sessions[token]


@pytest.fixture(autouse=True)
def plain_logs():
    """Log JSON lines to where the test can read them; drawn tracebacks would cost seconds a test."""
    before = structlog.get_config()
    chain = [structlog.contextvars.merge_contextvars, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(processors=chain, logger_factory=structlog.PrintLoggerFactory(), cache_logger_on_first_use=False)
    yield
    structlog.configure(**before)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def bus():
    return StubBus()


@pytest.fixture
def settings():
    return Settings(
        amqp_url="amqp://gateway:never@127.0.0.1/none",
        signing_key=Ed25519PrivateKey.generate(),
        cookie_key=b"k" * 32,
        public_url=SITE,
        mailbox_url="http://127.0.0.1:8025",
        body_seconds=0.5,
    )


@pytest.fixture
def app(bus, settings):
    return make_app(bus, Health(bus, {}), settings)


@pytest.fixture
def client(app):
    """Asks the application as a program does; errors that escape it fail the test."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE)


@pytest.fixture
def browser(app):
    """Asks as a person's browser does, keeping cookies and following nothing."""
    headers = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE, headers=headers)


@pytest.fixture
def logged_in(browser, bus):
    """The browser of somebody who is logged in."""
    bus.open_session()
    browser.cookies.set("__Host-session", TOKEN, domain="emplois.example")
    return browser


@pytest.fixture
def bearer(bus):
    """The headers of somebody who is logged in."""
    bus.open_session()
    return {"Authorization": f"Bearer {TOKEN}"}


def is_problem(response, status):
    """Say whether an answer is a whole problem document of this status."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == status
    assert {"type", "title", "status", "detail", "instance", "request_id"} <= set(document)
    assert document["request_id"] == response.headers["x-request-id"]
    return document


@pytest.fixture(name="is_problem")
def is_problem_fixture():
    return is_problem


@pytest.fixture
def own_vhost(servers):
    with servers.leased_vhost() as vhost:
        yield vhost


@pytest.fixture
async def service(servers, own_vhost):
    async with Service(servers.broker_url("accounts", own_vhost)) as service:
        yield service


@pytest.fixture
async def proxy(servers, own_vhost):
    address = urlsplit(servers.broker_url("gateway", own_vhost))
    async with Proxy(address.hostname, address.port) as proxy:
        proxy.url = address._replace(netloc=f"{address.username}:{address.password}@127.0.0.1:{proxy.port}").geturl()
        yield proxy
