"""Bad input: a problem document with the right status, and nothing called."""

import asyncio
import json

import pytest

from contracts import accounts
from contracts.accounts import PasswordIsTooWeak
from contracts.errors import Invalid
from gateway.settings import Settings
from tests.gateway import samples
from tests.gateway.conftest import TOKEN

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def answers(bus):
    samples.answer_all(bus)


async def refused(client, bus, is_problem, status, **sent):
    document = is_problem(await client.post("/api/sessions", **sent), status)
    assert not bus.calls
    return document


class TestBody:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"nope",
            b"{'a': 1}",
            b'{"email": "\xff"}',
            b'{"email": NaN}',
            b'{"a": "\\ud800"}',
            b"[" * 5000 + b"]" * 5000,
        ],
    )
    async def test_must_be_json(self, content, client, bus, is_problem):
        await refused(client, bus, is_problem, 400, content=content, headers=JSON)

    @pytest.mark.parametrize("content", [b"[]", b"null", b"1", b'"text"'])
    async def test_must_be_an_object(self, content, client, bus, is_problem):
        await refused(client, bus, is_problem, 422, content=content, headers=JSON)

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Content-Type": "text/plain"},
            {"Content-Type": "application/x-www-form-urlencoded"},
            {"Content-Type": "application/json; charset=latin-1"},
            {"Content-Type": "application/jsonp"},
            {**JSON, "Content-Encoding": "gzip"},
        ],
    )
    async def test_must_be_called_json(self, headers, client, bus, is_problem):
        await refused(client, bus, is_problem, 415, content=b"{}", headers=headers)

    async def test_names_each_wrong_field(self, client, bus, is_problem):
        document = await refused(client, bus, is_problem, 422, json={"email": 3, "surname": "x"})
        assert {error["pointer"] for error in document["errors"]} == {"/email", "/password", "/surname"}

    @pytest.mark.parametrize("email", ["x", "a@b@c.example", "é" * 300, "a@b.example\n", "\0@b.example", ""])
    async def test_wrong_values_are_refused(self, email, client, bus, is_problem):
        await refused(client, bus, is_problem, 422, json={"email": email + "@", "password": "x"})

    async def test_announced_too_large_is_refused_unread(self, client, bus, is_problem):
        await refused(client, bus, is_problem, 413, content=b"x", headers={**JSON, "Content-Length": "157286400"})

    async def test_too_large_in_chunks_is_refused_on_the_way(self, client, bus, is_problem):
        sent = 0

        async def chunks():
            nonlocal sent
            for _ in range(2400):
                sent += 8192
                yield b" " * 8192

        await refused(client, bus, is_problem, 413, content=chunks(), headers=JSON)
        assert sent <= Settings.largest_body + 8192

    async def test_of_thirty_invitations_fits(self, client, bus, bearer):
        """The longest names and addresses that there may be, in letters of three bytes."""
        name, email = "ề" * 150, "é" * 30 + "@" + ".".join(["a" * 60] * 3) + ".example"
        one = {"email": email, "first_name": name, "last_name": name, "role": "administrator"}
        content = json.dumps({"invitees": [one] * 30}, ensure_ascii=False).encode()
        url = f"/api/organizations/{samples.ORGANIZATION}/invitations"
        response = await client.post(url, content=content, headers=bearer | JSON)
        assert response.status_code == 201, response.text
        assert len(content) < 0.7 * Settings.largest_body

    async def test_too_slow_is_refused(self, client, bus, is_problem):
        async def chunks():
            yield b"{"
            await asyncio.sleep(5)

        await refused(client, bus, is_problem, 408, content=chunks(), headers=JSON)

    async def test_is_limited_where_none_is_expected_too(self, client, bus, bearer, is_problem):
        url = f"/api/structures/{samples.ORGANIZATION}/magic-links"
        is_problem(await client.post(url, content=b"x" * (Settings.largest_body + 1), headers=bearer), 413)
        assert not bus.calls

    async def test_duplicate_names_are_no_harm(self, client):
        content = b'{"email": "a@b.example", "email": "c@d.example", "password": "x"}'
        assert (await client.post("/api/sessions", content=content, headers=JSON)).status_code == 201


class TestBodyWhereNoneIsNeeded:
    """It may be absent or `{}`; whatever else is sent was meant to do something, which would not be done."""

    requests = pytest.mark.parametrize(
        ("verb", "url", "status"),
        [
            ("POST", f"/api/structures/{samples.ORGANIZATION}/magic-links", 202),
            ("POST", f"/api/invitations/{samples.LINK}/acceptance", 200),
            ("DELETE", "/api/session", 204),
        ],
    )

    @requests
    @pytest.mark.parametrize("sent", [{}, {"content": b"{}", "headers": JSON}])
    async def test_may_be_absent(self, verb, url, status, sent, client, bearer):
        assert (await client.request(verb, url, **sent | {"headers": bearer | sent.get("headers", {})})).status_code == status

    @requests
    @pytest.mark.parametrize(
        ("content", "refused"), [(b"{bad", 400), (b"\xff", 400), (b"[]", 422), (b"null", 422), (b'{"surprise": 1}', 422)]
    )
    async def test_is_read_strictly(self, verb, url, status, content, refused, client, bus, bearer, is_problem):
        document = is_problem(await client.request(verb, url, content=content, headers=bearer | JSON), refused)
        assert not bus.names
        if b"surprise" in content:
            assert "/surprise" in {error["pointer"] for error in document["errors"]}

    @requests
    async def test_has_its_type(self, verb, url, status, client, bus, bearer, is_problem):
        is_problem(await client.request(verb, url, content=b"{}", headers=bearer), 415)
        assert not bus.names

    async def test_of_an_ended_session_is_read_too(self, client, is_problem):
        headers = {"Authorization": "Bearer ended", **JSON}
        is_problem(await client.request("DELETE", "/api/session", content=b'{"x": 1}', headers=headers), 422)


class TestServiceRefusal:
    async def test_points_to_the_field(self, client, bus, is_problem):
        bus.answer(accounts.sign_up_employer, PasswordIsTooWeak())
        url = f"/api/magic-links/{samples.LINK}/accounts"
        document = is_problem(await client.post(url, json=samples.BODIES["EmployerSignUp"]), 422)
        assert document["errors"][0]["pointer"] == "/password"

    async def test_does_not_point_to_what_the_client_did_not_send(self, client, bus, is_problem):
        bus.answer(accounts.sign_up_employer, Invalid.at("/magic_link_token", "Valeur trop longue."))
        url = f"/api/magic-links/{samples.LINK}/accounts"
        document = is_problem(await client.post(url, json=samples.BODIES["EmployerSignUp"]), 422)
        assert document["errors"] == [{"pointer": "", "detail": "Valeur trop longue."}]


class TestPath:
    async def test_unknown(self, client, is_problem):
        is_problem(await client.get("/api/nothing"), 404)
        is_problem(await client.get("/api/structures/"), 404)

    async def test_wrong_method_says_which_are_right(self, client, is_problem):
        response = await client.put("/api/session")
        is_problem(response, 405)
        assert response.headers["allow"] == "DELETE, GET, HEAD"
        is_problem(await client.post("/api/openapi.json"), 405)

    @pytest.mark.parametrize("token", ["a" * 513, "a%00", "caf%C3%A9", "%2e%2e%20"])
    async def test_what_cannot_be_a_token_is_unknown(self, token, client, bus, is_problem):
        document = is_problem(await client.get(f"/api/invitations/{token}"), 404)
        assert document["type"] == "/problemes/LinkIsUnknown" and not bus.calls

    async def test_a_query_must_be_known_and_single(self, client, bus, is_problem):
        is_problem(await client.get("/api/structures"), 422)
        is_problem(await client.get("/api/structures?company_number=732829320&company_number=1"), 422)
        is_problem(await client.get("/api/structures?company_number=732829320&x=1"), 422)
        is_problem(await client.get("/api/structures?company_number=123456789"), 422)
        assert not bus.calls


class TestSession:
    @pytest.mark.parametrize("value", ["Basic YTpi", "Bearer", "Bearer ", "Bearer é", "Bearer " + "x" * 600, "Bearer forged"])
    async def test_forged_is_refused(self, value, client, bus, is_problem):
        bus.open_session()
        response = await client.get("/api/session", headers={b"authorization": value.encode()})
        is_problem(response, 401)
        assert response.headers["www-authenticate"] == "Bearer"

    async def test_a_bearer_token_wins_over_a_cookie(self, client, bus):
        bus.open_session()
        client.cookies.set("__Host-session", TOKEN, domain="emplois.example")
        assert (await client.get("/api/session")).status_code == 200
        assert (await client.get("/api/session", headers={"Authorization": "Bearer x"})).status_code == 401


class TestForgery:
    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({}, 403),
            ({"Origin": "https://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Sec-Fetch-Site": "cross-site", "Origin": "https://emplois.example"}, 403),
            ({"Sec-Fetch-Site": "same-site"}, 403),
            ({"Sec-Fetch-Site": "none"}, 403),
            ({"Sec-Fetch-Site": "same-origin"}, 202),
            ({"Origin": "https://emplois.example"}, 202),
        ],
    )
    async def test_a_cookie_alone_changes_nothing(self, headers, status, client, bus):
        bus.open_session()
        client.cookies.set("__Host-session", TOKEN, domain="emplois.example")
        response = await client.post(f"/api/structures/{samples.ORGANIZATION}/magic-links", headers=headers)
        assert response.status_code == status
        assert bool(bus.names) == (status == 202)

    async def test_a_bearer_token_needs_no_origin(self, client, bearer):
        headers = bearer | {"Sec-Fetch-Site": "cross-site"}
        response = await client.post(f"/api/structures/{samples.ORGANIZATION}/magic-links", headers=headers)
        assert response.status_code == 202


class TestRequestId:
    @pytest.mark.parametrize("given", ["abc", "a" * 65, "a b c d e f", "é" * 8, "x\"'<>;--x"])
    async def test_a_strange_one_is_replaced(self, given, client):
        response = await client.get("/api/session", headers={b"x-request-id": given.encode()})
        assert response.headers["x-request-id"] != given and len(response.headers["x-request-id"]) == 32
