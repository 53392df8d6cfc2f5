"""What a client sends, received within limits: bodies, JSON, headers. Nothing beyond a limit is ever held in memory."""

import asyncio
import re
from typing import Any
from uuid import uuid4

import orjson
from marshmallow import Schema, ValidationError
from starlette.requests import Request

from contracts.errors import Invalid
from contracts.fields import pointers
from gateway.problems import BodyIsTooLarge, BodyIsTooSlow, MalformedBody, MalformedHeader, TypeNotAccepted
from gateway.settings import Settings

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_JSON = re.compile(r"application/json\s*(;\s*charset=\"?utf-8\"?\s*)?", re.IGNORECASE)
_FORM = re.compile(r"application/x-www-form-urlencoded\s*(;\s*charset=\"?utf-8\"?\s*)?", re.IGNORECASE)


def request_id(given: str | None) -> str:
    """The client's own request id when it is harmless, else a new one."""
    return given if given and _REQUEST_ID.fullmatch(given) else uuid4().hex


def idempotency_key(request: Request) -> str | None:
    """The client's key, if it gave one."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise MalformedHeader()
    return key


async def read_body(request: Request, settings: Settings) -> bytes:
    """The whole body; refused as soon as it is known to be too large, and when it takes too long."""
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > settings.largest_body:
        raise BodyIsTooLarge()
    body = bytearray()
    try:
        async with asyncio.timeout(settings.body_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > settings.largest_body:
                    raise BodyIsTooLarge()
    except TimeoutError:
        raise BodyIsTooSlow() from None
    return bytes(body)


def read_json(request: Request, body: bytes) -> dict[str, Any]:
    """The JSON object in a body."""
    _check_type(request, _JSON)
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:  # Also for what is not UTF-8, and beyond 1024 levels of nesting.
        raise MalformedBody() from None
    if not isinstance(found, dict):
        raise Invalid.at("", "Un objet JSON est attendu.")
    return found


def check_is_form(request: Request) -> None:
    """Refuse a page's POST that is not a plain HTML form."""
    _check_type(request, _FORM)


def load(schema: type[Schema], given: dict[str, Any]) -> dict[str, Any]:
    """Values that obey a schema; Invalid names each field that does not."""
    try:
        return schema().load(given)  # type: ignore[return-value]
    except ValidationError as error:
        raise Invalid(errors=pointers(error.messages)) from None


def _check_type(request: Request, pattern: re.Pattern[str]) -> None:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity" or not pattern.fullmatch(request.headers.get("content-type", "").strip()):
        raise TypeNotAccepted()
