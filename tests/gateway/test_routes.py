"""The route table: every row answers, is documented, refuses what it should, and shows nothing when it breaks."""

import re
from dataclasses import replace

import httpx
import jsonschema
import pytest
from marshmallow import ValidationError

from chassis.wire import BusIsDown, CallFailed, CallTimedOut
from contracts import fields
from contracts.errors import KINDS, KeyReusedForAnotherRequest, TooMany, Unavailable
from contracts.fields import Secret
from gateway import openapi, problems
from gateway.app import make_app
from gateway.health import Health
from gateway.openapi import operation_id, statuses
from gateway.routes import ROUTES, Session
from gateway.settings import Settings
from tests.gateway import samples

pytestmark = pytest.mark.anyio
each_route = pytest.mark.parametrize("route", ROUTES, ids=operation_id)
calling_routes = pytest.mark.parametrize("route", [route for route in ROUTES if route.methods], ids=operation_id)


@pytest.fixture
def document():
    return openapi.document(Settings.site_name)


def check(document, schema, instance):
    """Check a value against one schema of the document."""
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(instance)


@each_route
async def test_answers_as_documented(route, client, bus, bearer, document):
    samples.answer_all(bus)
    response = await client.request(**samples.request_of(route), headers=bearer)
    assert response.status_code == route.status, response.text
    told = document["paths"][route.path][route.verb.lower()]["responses"][str(route.status)]
    if route.gives:
        check(document, told["content"]["application/json"]["schema"], response.json())
    else:
        assert response.content == b""
    assert "no-store" in response.headers["cache-control"]


@each_route
async def test_calls_what_it_declares(route, client, bus, bearer):
    samples.answer_all(bus)
    await client.request(**samples.request_of(route), headers={} if route.body_is_for_visitors else bearer)
    assert bus.names == [method.name for method in route.methods]
    assert all("gateway" in method.callers for method in route.methods)


@each_route
async def test_needs_a_session_where_it_says_so(route, client, bus, is_problem):
    samples.answer_all(bus)
    response = await client.request(**samples.request_of(route))
    if route.session in (Session.REQUIRED, Session.ENDED):
        is_problem(response, 401)
        assert not bus.calls
    else:
        assert response.status_code == route.status


@each_route
async def test_refuses_a_session_that_has_ended(route, client, bus, is_problem):
    samples.answer_all(bus)
    response = await client.request(**samples.request_of(route), headers={"Authorization": "Bearer ended"})
    if route.session in (Session.OPENED, Session.ENDED):
        assert response.status_code == route.status
    else:
        assert is_problem(response, 401)["type"] == "/problemes/SessionHasEnded"
        assert not bus.names


@calling_routes
@pytest.mark.parametrize("error", [RuntimeError("postgresql://secret"), KeyError("x"), CallFailed("r")], ids=repr)
async def test_r09_breaks_without_a_word(route, error, client, bus, bearer, is_problem):
    samples.answer_all(bus)
    bus.answer(route.methods[-1], error)
    headers = {"X-Request-Id": "asked-by-me-1"} | ({} if route.body_is_for_visitors else bearer)
    response = await client.request(**samples.request_of(route), headers=headers)
    document = is_problem(response, 500)
    assert document["request_id"] == "asked-by-me-1"
    assert document["detail"] == problems.UnexpectedError().detail
    assert "secret" not in response.text and "Error" not in document["detail"]


@calling_routes
@pytest.mark.parametrize(("error", "status"), [(BusIsDown(), 503), (CallTimedOut(), 504), (TooMany(retry_after=90), 429)])
async def test_says_when_to_come_back(route, error, status, client, bus, bearer, is_problem):
    samples.answer_all(bus)
    bus.answer(route.methods[0], error)
    response = await client.request(**samples.request_of(route), headers={} if route.body_is_for_visitors else bearer)
    is_problem(response, status)
    assert ("retry-after" in response.headers) == (status in (503, 429))
    if status == 429:
        assert response.headers["retry-after"] == "90"


@calling_routes
async def test_documents_every_refusal_it_may_give(route, client, bus, bearer, is_problem, document):
    samples.answer_all(bus)
    told = document["paths"][route.path][route.verb.lower()]["responses"]
    for method in route.methods:
        for refusal in method.refuses:
            bus.answer(method, refusal())
            headers = {} if route.body_is_for_visitors else bearer
            response = await client.request(**samples.request_of(route), headers=headers)
            found = is_problem(response, problems.status_of(refusal))
            assert found["type"] == f"/problemes/{refusal.__name__}"
            assert str(response.status_code) in told
        bus.answer(method, samples.RESULTS[method])


@pytest.mark.parametrize("route", [route for route in ROUTES if "{organization_id}" in route.path], ids=operation_id)
async def test_what_is_no_id_is_unknown_like_an_unknown_id(route, client, bus, bearer, is_problem):
    samples.answer_all(bus)
    not_found = next(refusal for refusal in route.refuses if refusal.kind == "not_found")
    bus.answer(route.methods[0], not_found())
    sent = samples.request_of(route)
    unknown = is_problem(await client.request(**sent, headers=bearer), 404)
    sent["url"] = route.path.format(organization_id="{11111111-1111-4111-8111-111111111111}")
    malformed = is_problem(await client.request(**sent, headers=bearer), 404)
    assert {**unknown, "instance": "", "request_id": ""} == {**malformed, "instance": "", "request_id": ""}


@pytest.mark.parametrize("route", [route for route in ROUTES if route.has_token], ids=operation_id)
async def test_a_token_is_never_sent_on_nor_told(route, client, bus, is_problem, caplog, capsys):
    bus.answer(route.methods[0], RuntimeError(samples.LINK))
    response = await client.request(**samples.request_of(route))
    assert response.headers["referrer-policy"] == "no-referrer"
    assert samples.LINK not in response.text
    logged = capsys.readouterr()
    lines = [line for line in (logged.out + logged.err).splitlines() if "request_served" in line]
    assert lines and not any(samples.LINK in line for line in lines)


async def test_no_secret_leaves_but_the_session_token():
    def secrets(schema):
        for name, field in schema._declared_fields.items():
            if isinstance(field, Secret):
                yield name
            nested = getattr(field, "nested", None) or getattr(getattr(field, "inner", None), "nested", None)
            if nested:
                yield from secrets(nested)

    assert {name for route in ROUTES if route.gives for name in secrets(route.gives)} == {"session_token"}


async def test_the_document_is_served(client, document):
    assert (await client.get("/api/openapi.json")).json() == document
    assert document["openapi"].startswith("3.1")
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids)) == len(ROUTES)


@each_route
async def test_documents_what_may_be_wrong_with_a_body(route):
    wrong = {400, 408, 413, 415, 422}
    assert wrong <= statuses(route) if route.verb != "GET" else not wrong - {422} & statuses(route)


async def test_a_key_is_documented_where_it_is_true(document):
    """The result of a log-in is kept by nobody, and nothing is to be kept of a read or a log-out."""
    told = {
        operation["operationId"]: (operation["parameters"], operation["responses"])
        for path in document["paths"].values()
        for operation in path.values()
    }
    keyed = {name for name, (parameters, _) in told.items() if "Idempotency-Key" in [one["name"] for one in parameters]}
    assert keyed == {"request_magic_link", "sign_up_employer", "confirm_email", "invite", "accept_invitation"}
    assert all(KeyReusedForAnotherRequest.__doc__ in told[name][1]["422"]["description"] for name in keyed)
    assert not any(KeyReusedForAnotherRequest.__doc__ in str(told[name][1]) for name in set(told) - keyed)


async def test_a_refusal_as_told_is_one_as_documented(client, bus, document):
    response = await client.post("/api/sessions", json={"x" * 300: 1, "email": "x"})
    check(document, {"$ref": "#/components/schemas/Problem"}, response.json())
    assert len(response.json()["errors"][-1]["pointer"]) > 300


@pytest.mark.parametrize(("insecure", "name"), [(True, "session"), (False, "__Host-session")])
async def test_the_cookie_has_its_true_name(insecure, name, settings, bus):
    app = make_app(bus, Health(bus, {}), replace(settings, insecure_cookies=insecure))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")
    document = (await client.get("/api/openapi.json")).json()
    assert document["components"]["securitySchemes"]["cookie"]["name"] == name


@pytest.mark.parametrize(
    ("field", "schema"),
    [(fields.SirenOrSiret(), openapi.COMPANY_NUMBER), (fields.PersonName(), openapi.PERSON_NAME)],
    ids=["company_number", "name"],
)
@pytest.mark.parametrize(
    "value",
    [
        "732829320", "732 829 320 00074", " 732.829-320\t", "73282932", "7328293200", "732829320x", "", " ", "Aya", "J.P.",
        "Marie-Élise d'Aÿ", "bit.ly", "www.x", "WWW.x", "<b>", "a@b", "a/b", "a\\b", "a\nb", "a\x00", "a\x7f", "a\x85b",
        "a\u202eb", "a\u200bb", "a\u00adb",
    ],
)  # fmt: skip
async def test_a_pattern_takes_what_the_field_takes(field, schema, value):
    try:
        field.deserialize(value)
        is_taken = True
    except ValidationError:
        is_taken = False
    assert bool(re.search(schema, value)) == is_taken


async def test_every_kind_has_a_status_and_a_title():
    for kind in KINDS.values():
        assert problems.TITLES[problems.status_of(kind)]
    assert all(status in problems.TITLES for route in ROUTES for status in statuses(route))
    assert problems.status_of(CallTimedOut) == 504 and problems.status_of(Unavailable) == 503
