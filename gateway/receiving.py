"""What a client sends, read strictly: JSON, forms, headers."""

import re
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import orjson
from marshmallow import Schema, ValidationError
from starlette.requests import Request

from contracts.errors import Invalid
from contracts.fields import pointers
from gateway.problems import EdgeRefusal, FormIsExpected, MalformedBody, MalformedForm, MalformedHeader, TypeNotAccepted

MOST_FIELDS = 100  # Of a form; none of ours has a tenth.
IDEMPOTENCY_KEY = r"[\x21-\x7e]{1,255}"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_IDEMPOTENCY_KEY = re.compile(IDEMPOTENCY_KEY)
_JSON = re.compile(r"application/json\s*(;\s*charset=\"?utf-8\"?\s*)?", re.IGNORECASE)
_FORM = re.compile(r"application/x-www-form-urlencoded\s*(;\s*charset=\"?utf-8\"?\s*)?", re.IGNORECASE)


def request_id(given: str | None) -> str:
    """The client's own request id when it is harmless, else a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else uuid4().hex


def key(given: str | None) -> str | None:
    """An idempotency key as it was given, when it is printable and short; it travels on to the services."""
    return given if given and _IDEMPOTENCY_KEY.fullmatch(given) else None


def idempotency_key(request: Request) -> str | None:
    """The client's key, if it gave one."""
    given = request.headers.get("idempotency-key")
    if given is not None and key(given) is None:
        raise MalformedHeader()
    return given


def read_json(request: Request, body: bytes, *, is_needed: bool = True) -> dict[str, Any]:
    """The JSON object in a body; an empty one where nothing was sent and nothing is needed."""
    if not body and not is_needed:
        return {}
    _check_type(request, _JSON, TypeNotAccepted)
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:  # Also for what is not UTF-8, and beyond 1024 levels of nesting.
        raise MalformedBody() from None
    if not isinstance(found, dict):
        raise Invalid.at("", "Un objet JSON est attendu.")
    return found


def check_is_form(request: Request) -> None:
    """Refuse a page's POST that is not a plain HTML form."""
    _check_type(request, _FORM, FormIsExpected)


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a form."""
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS))
    except ValueError:  # Not UTF-8, or more fields than any form of ours has.
        raise MalformedForm() from None


@cache
def schema_of(schema: type[Schema]) -> Schema:
    """The one instance of a schema: making one costs several times its use."""
    return schema()


def load(schema: type[Schema], given: dict[str, Any]) -> dict[str, Any]:
    """Values that obey a schema; Invalid names each field that does not."""
    try:
        return schema_of(schema).load(given)  # type: ignore[return-value]
    except ValidationError as error:
        raise Invalid(errors=pointers(error.messages)) from None


def _check_type(request: Request, pattern: re.Pattern[str], refusal: type[EdgeRefusal]) -> None:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity" or not pattern.fullmatch(request.headers.get("content-type", "").strip()):
        raise refusal()
