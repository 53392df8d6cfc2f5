"""What every answer carries, and the limit of requests at once."""

import asyncio
import json

import httpx
import pytest

from contracts import accounts, organizations
from gateway.app import make_app
from gateway.health import Health, health_app
from tests.gateway import samples

pytestmark = pytest.mark.anyio

# What is shown however many ask.
STANDING = ("/", "/etat", "/problemes/TooBusy", "/api/docs", "/api/openapi.json", "/static/site.css")


@pytest.mark.parametrize(
    ("path", "referrer"),
    [
        ("/", "same-origin"),
        ("/api/session", "same-origin"),
        ("/api/docs", "same-origin"),
        ("/static/site.css", "same-origin"),
        ("/nothing", "no-referrer"),
        ("/api/nothing", "no-referrer"),
    ],
)
async def test_security_headers_are_everywhere(path, referrer, client):
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["strict-transport-security"].startswith("max-age=31536000")
    assert headers["referrer-policy"] == referrer
    assert headers["x-request-id"]
    assert "server" not in headers


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("PUT", f"/api/invitations/{samples.LINK}"),
        ("DELETE", f"/api/magic-links/{samples.LINK}"),
        ("GET", f"/api/invitations/{samples.LINK}/"),
        ("GET", f"/api/invitations/{samples.LINK}/more"),
        ("PUT", f"/invitation/{samples.LINK}"),
        ("GET", f"/invitation/{samples.LINK}/"),
        ("POST", f"/confirmer/{samples.LINK}."),
        ("GET", f"/invitations/{samples.LINK}"),
    ],
)
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
async def test_a_link_is_a_secret_whatever_is_wrong_with_it(verb, path, accept, client, bus, capsys):
    samples.answer_all(bus)
    response = await client.request(verb, path, headers={"Accept": accept})
    assert 404 <= response.status_code <= 415
    assert response.headers["referrer-policy"] == "no-referrer"
    logged = capsys.readouterr()
    assert samples.LINK not in response.text + logged.out + logged.err


@pytest.mark.parametrize("verb", ["GET", "PUT"])
async def test_a_log_in_that_leads_to_a_link_is_a_secret_too(verb, browser):
    response = await browser.request(verb, f"/connexion?suite=/invitation/{samples.LINK}")
    assert response.headers["referrer-policy"] == "no-referrer"
    assert (await browser.get("/connexion")).headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/", "/connexion", "/api/session", "/static/site.css"])
async def test_a_refused_verb_names_all_that_are_right(path, client):
    allowed = (await client.put(path)).headers["allow"].split(", ")
    assert {"GET", "HEAD"} <= set(allowed) and allowed == sorted(set(allowed))


async def test_too_many_at_once_are_told_to_come_back(bus, settings, bearer, is_problem):
    free = asyncio.Event()
    settings = type(settings)(**{**vars(settings), "most_in_flight": 2})

    class SlowBus(type(bus)):
        async def call(self, *args, **request):
            await free.wait()
            return await super().call(*args, **request)

    slow = SlowBus()
    slow.sessions = bus.sessions
    samples.answer_all(slow)
    app = make_app(slow, Health(slow, {}), settings)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://emplois.example")
    waiting = [asyncio.create_task(client.get("/api/account", headers=bearer)) for _ in range(2)]
    await asyncio.sleep(0.05)
    refused = await client.get("/api/account", headers=bearer)
    page = await client.get("/connexion", headers={"Accept": "text/html"})
    standing = [await client.get(path, headers={"Cookie": "__Host-session=x"}) for path in STANDING]
    free.set()
    is_problem(refused, 503)
    assert page.status_code == 503 and page.headers["content-type"].startswith("text/html")
    assert [response.status_code for response in standing] == [200] * len(STANDING)
    assert refused.headers["retry-after"] == "1"
    assert [response.status_code for response in await asyncio.gather(*waiting)] == [200, 200]
    assert (await client.get("/api/account", headers=bearer)).status_code == 200


async def test_a_head_request_is_answered_like_a_get(client, bus, bearer):
    samples.answer_all(bus)
    assert (await client.head("/api/account", headers=bearer)).status_code == 200


class TestHealth:
    async def asked(self, bus, path, services=None):
        app = health_app(Health(bus, services or {}), bus)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")
        return await client.get(path)

    async def test_lives_without_a_broker(self, bus):
        bus.is_up = False
        assert (await self.asked(bus, "/livez")).status_code == 200
        assert (await self.asked(bus, "/readyz")).status_code == 503
        report = await self.asked(bus, "/healthz")
        assert (report.status_code, report.json()["status"]) == (503, "fail")
        assert report.headers["content-type"] == "application/health+json"

    async def test_names_each_service_and_its_state(self, bus, httpserver):
        for name, status in (("accounts", "pass"), ("sync", "warn"), ("organizations", "fail")):
            httpserver.expect_request(f"/{name}/healthz").respond_with_json({"status": status}, 503 if status == "fail" else 200)
        services = {name: httpserver.url_for(f"/{name}") for name in ("accounts", "sync", "organizations")}
        report = (await self.asked(bus, "/healthz", services | {"notifications": "http://127.0.0.1:9"})).json()
        found = {name: checks[0]["status"] for name, checks in report["checks"].items()}
        assert report["status"] == "warn"
        assert found == {
            "broker": "pass", "accounts": "pass", "sync": "warn", "organizations": "fail", "notifications": "fail",
        }  # fmt: skip

    async def test_counts_by_pattern(self, bus, client):
        bus.answer(organizations.get_magic_link, samples.RESULTS[organizations.get_magic_link])
        await client.get(f"/api/magic-links/{samples.LINK}")
        text = (await self.asked(bus, "/metrics")).text
        assert 'http_requests_total{route="/api/magic-links/{token}",status="200",verb="GET"}' in text
        assert samples.LINK not in text


async def test_logs_facts_only(client, bus, capsys):
    samples.answer_all(bus)
    sent = samples.BODIES["LogIn"]
    await client.post("/api/sessions", json=sent)
    out = capsys.readouterr()
    assert "request_served" in out.out + out.err
    for secret in (sent["email"], sent["password"], samples.NEW_TOKEN):
        assert secret not in out.out + out.err
    assert json.dumps(accounts.log_in.name) not in out.out
