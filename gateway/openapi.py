"""The route table as an OpenAPI 3.1 document."""

import re
from copy import deepcopy
from functools import cache
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import Schema
from marshmallow import fields as ma

from contracts import fields
from gateway import problems, receiving, schemas
from gateway.endpoint import UNSAFE
from gateway.problems import (
    BodyIsTooLarge,
    BodyIsTooSlow,
    EdgeRefusal,
    MalformedBody,
    RequestIsForged,
    TooBusy,
    TypeNotAccepted,
    UnexpectedError,
)
from gateway.routes import ROUTES, Route, Session

DESCRIPTION = """\
Interface publique de la plateforme. Les refus sont des documents `application/problem+json` (RFC 9457).
Là où l'en-tête `Idempotency-Key` est documenté, une demande répétée avec la même clé n'agit qu'une fois. Ailleurs il est ignoré.
"""
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "La même clé répétée donne la même réponse, sans nouvel effet.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{receiving.IDEMPOTENCY_KEY}$"},
}
# What a server that obeys `contracts.fields` takes, as far as a regular expression of JSON schema can tell.
COMPANY_NUMBER = r"^[\s.\-]*([0-9][\s.\-]*){9}(([0-9][\s.\-]*){5})?$"
_INVISIBLE = r"\u0000-\u001f\u007f-\u009f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
PERSON_NAME = rf"^(?=.*\S)(?!.*([wW]{{3}}\.|\w\.\w{{2}}))[^<>{{}}\[\]|\\/@{_INVISIBLE}]+$"

FieldError = fields.record("FieldError", pointer=ma.String(required=True), detail=ma.String(required=True))
Problem = fields.record(
    "Problem",
    type=ma.String(required=True),
    title=ma.String(required=True),
    status=fields.Integer(),
    detail=ma.String(required=True),
    instance=ma.String(required=True),
    request_id=ma.String(required=True),
    errors=fields.List(fields.Nested(FieldError), required=False),
)


def document(site_name: str, session_cookie: str = "__Host-session") -> dict[str, Any]:
    """The whole document, computed from the table."""
    return deepcopy(_document(site_name, session_cookie))


@cache
def _document(site_name: str, session_cookie: str) -> dict[str, Any]:
    plugin = MarshmallowPlugin(schema_name_resolver=_name)
    info = {"description": DESCRIPTION}
    spec = APISpec(title=site_name, version="1", openapi_version="3.1.0", info=info, plugins=[plugin])
    assert plugin.converter is not None  # Made by APISpec.
    plugin.converter.add_attribute_function(_shape)
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    spec.components.security_scheme("cookie", {"type": "apiKey", "in": "cookie", "name": session_cookie})
    for route in ROUTES:
        spec.path(path=route.path, operations={route.verb.lower(): operation(route)})
    return _open(spec.to_dict())


def operation(route: Route) -> dict[str, Any]:
    """One route's part of the document."""
    told: dict[str, Any] = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": _parameters(route),
        "responses": {str(route.status): _success(route)} | _refusals(route),
    }
    if route.takes:
        content = {"application/json": {"schema": route.takes}}
        told["requestBody"] = {"required": not route.body_is_for_visitors, "content": content}
    if route.session in (Session.REQUIRED, Session.ENDED):
        told["security"] = [{"bearer": []}, {"cookie": []}]
    if route.session is Session.OPTIONAL:
        told["security"] = [{}, {"bearer": []}, {"cookie": []}]
    return told


def operation_id(route: Route) -> str:
    """The verb of what is called, which is the same everywhere."""
    return route.call.verb if route.call in route.methods else route.call.__name__  # type: ignore[union-attr]


def statuses(route: Route) -> set[int]:
    """Every refusal's status that a client may meet on a route."""
    edge: list[type[EdgeRefusal]] = [TooBusy, UnexpectedError]
    if route.verb in UNSAFE:  # Where nothing is taken, something may be sent all the same.
        edge += [BodyIsTooLarge, BodyIsTooSlow, MalformedBody, TypeNotAccepted]
        edge += [RequestIsForged] if route.session is not Session.OPENED else []
    found = {one.status for one in edge} | {problems.status_of(refusal) for refusal in route.refuses}
    return found | ({404} if "{" in route.path else set())


def _parameters(route: Route) -> list[dict[str, Any]]:
    shapes = {"token": {"type": "string"}}
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": shapes.get(name, {"type": "string", "format": "uuid"})}
        for name in re.findall(r"{(\w+)}", route.path)
    ]
    if route.query:
        found.append({"in": "query", "schema": route.query})  # type: ignore[dict-item]
    if route.takes_key:
        found.append(IDEMPOTENCY_KEY)
    return found


def _success(route: Route) -> dict[str, Any]:
    told: dict[str, Any] = {"description": route.summary}
    if route.gives:
        told["content"] = {"application/json": {"schema": route.gives}}
    return told


def _refusals(route: Route) -> dict[str, Any]:
    content = {problems.MEDIA_TYPE: {"schema": Problem}}
    return {str(status): {"description": _reasons(route, status), "content": content} for status in sorted(statuses(route))}


def _reasons(route: Route, status: int) -> str:
    own = [refusal.__doc__ or "" for refusal in route.refuses if problems.status_of(refusal) == status]
    return "\n\n".join(dict.fromkeys(text.strip() for text in own)) or problems.TITLES[status]


def _shape(self: Any, field: ma.Field, **_: Any) -> dict[str, Any]:
    """What JSON schema can say of our own fields."""
    if isinstance(field, fields.Email):
        return {"format": "email", "maxLength": 254}
    if isinstance(field, fields.Secret):
        return {"format": "password", "minLength": 1, "maxLength": field.longest}
    if isinstance(field, fields.SirenOrSiret):
        return {"maxLength": 100, "pattern": COMPANY_NUMBER}
    if isinstance(field, fields.PersonName):
        return {"minLength": field.shortest, "maxLength": field.longest, "pattern": PERSON_NAME}
    if isinstance(field, fields.Text):
        return {"minLength": field.shortest, "maxLength": field.longest}
    if isinstance(field, fields.List):
        return {name: limit for name, limit in (("minItems", field.shortest), ("maxItems", field.longest)) if limit is not None}
    return {}


def _open(told: dict[str, Any]) -> dict[str, Any]:
    """Answers may gain fields; only what clients send is closed."""
    sent = {route.takes.__name__ for route in ROUTES if route.takes} | {schemas.Invitee.__name__}
    for name, schema in told["components"]["schemas"].items():
        if name not in sent:
            schema.pop("additionalProperties", None)
    return told


def _name(schema: type[Schema] | Schema) -> str:
    return schema.__name__ if isinstance(schema, type) else type(schema).__name__
