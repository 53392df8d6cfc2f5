"""What calls and events look like on RabbitMQ: names, headers, bodies. Both the services and the gateway speak through here.

Bodies are one JSON object; what JSON has no type for (UUID, instant, date, enumeration) was made text by the schemas before.
"""

import math
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import orjson
from marshmallow import Schema, ValidationError

from chassis.clock import unix_now
from contracts.errors import Invalid, Refusal, Unavailable
from contracts.fields import lenient, pointers
from contracts.method import Method

CONTENT_TYPE = "application/json"
CALLS = "calls"
REPLIES = "replies"
LARGEST_BODY = 8 * 1024 * 1024  # Bytes; RabbitMQ 4 refuses 16 MiB, and nothing here needs half of that.


class UnreadableMessage(Exception):
    """The body is not one JSON object of a reasonable size."""


class CallFailed(Exception):
    """The callee broke while it answered; its log tells more under the request id."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"call failed, request {request_id}")
        self.request_id = request_id


class CallTimedOut(Unavailable):
    """Le service met trop de temps à répondre ; réessayez dans quelques instants."""


class BusIsDown(Unavailable):
    """Le service est momentanément indisponible ; réessayez dans quelques instants."""


@dataclass(frozen=True)
class CallHeaders:
    """What travels beside a request."""

    deadline: float  # Unix seconds: past it the call is not executed.
    subject: str
    request_id: str
    idempotency_key: str | None = None
    sent_at: float | None = field(default_factory=unix_now)  # Unix seconds.

    def to_wire(self) -> dict[str, Any]:
        headers: dict[str, Any] = {
            "deadline": repr(self.deadline),
            "subject": self.subject,
            "request_id": self.request_id,
            "sent_at": repr(self.sent_at),
        }
        if self.idempotency_key:
            headers["idempotency_key"] = self.idempotency_key
        return headers

    @classmethod
    def from_wire(cls, headers: dict[str, Any] | None) -> "CallHeaders":
        headers = headers or {}
        key = _text(headers, "idempotency_key") if headers.get("idempotency_key") is not None else None
        sent_at = _instant(headers, "sent_at") if "sent_at" in headers else None
        return cls(_instant(headers, "deadline"), _text(headers, "subject"), _text(headers, "request_id"), key, sent_at)

    def seconds_left(self) -> float:
        return self.deadline - unix_now()

    def seconds_waited(self) -> float:
        """How long it has been on its way; none where its sender does not tell."""
        return unix_now() - self.sent_at if self.sent_at is not None else 0.0


def _text(headers: dict[str, Any], name: str) -> str:
    value = headers.get(name)
    if not isinstance(value, str) or "\x00" in value:
        raise UnreadableMessage(f"header {name}")
    return value


def _instant(headers: dict[str, Any], name: str) -> float:
    try:
        seconds = float(_text(headers, name))
    except ValueError:
        raise UnreadableMessage(f"header {name}") from None
    if not math.isfinite(seconds):  # It would never pass.
        raise UnreadableMessage(f"header {name}")
    return seconds


def expiration(seconds: float) -> str:
    """AMQP's per-message expiry: whole milliseconds as text; at least one, as none would mean at once."""
    return str(max(1, int(seconds * 1000)))


def encode(body: dict[str, Any]) -> bytes:
    return orjson.dumps(body)


def decode(content_type: str | None, raw: bytes) -> dict[str, Any]:
    """The JSON object in a message; UnreadableMessage says why there is none."""
    if content_type != CONTENT_TYPE:
        raise UnreadableMessage(f"content type {content_type!r}")
    if len(raw) > LARGEST_BODY:
        raise UnreadableMessage(f"body of {len(raw)} bytes")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise UnreadableMessage(f"not JSON: {error}") from None
    if not isinstance(body, dict):
        raise UnreadableMessage("not a JSON object")
    return body


def dump_request(method: Method, request: dict[str, Any]) -> bytes:
    """A request's body; its values are Python ones (UUID, enumeration…)."""
    return encode(_schema(method.takes).dump(request))  # type: ignore[arg-type]


def load_request(method: Method, body: dict[str, Any]) -> dict[str, Any]:
    """A request's values; Invalid names each wrong field by its pointer."""
    try:
        return _schema(method.takes).load(body)  # type: ignore[return-value]
    except ValidationError as error:
        raise Invalid(errors=pointers(error.messages)) from None


def dump_result(method: Method, result: Any) -> dict[str, Any] | None:
    return None if method.gives is None else _schema(method.gives).dump(result)  # type: ignore[return-value]


def load_result(method: Method, result: dict[str, Any] | None) -> Any:
    """A result's values; fields that this release does not know are ignored."""
    return None if method.gives is None else _schema(lenient(method.gives)).load(result or {})


@cache
def _schema(schema: type[Schema]) -> Schema:
    """One instance of each schema: making one costs as much as using it."""
    return schema()


def reply_result(result: dict[str, Any] | None) -> bytes:
    return encode({"result": result})


def reply_refusal(refusal: Refusal) -> bytes:
    return encode({"refusal": refusal.to_wire()})


def reply_failure(request_id: str) -> bytes:
    return encode({"failure": {"request_id": request_id}})


def read_reply(method: Method, raw: bytes) -> Any:
    """The result, or the refusal or failure raised."""
    body = orjson.loads(raw)
    if "refusal" in body:
        raise Refusal.from_wire(body["refusal"])
    if "failure" in body:
        raise CallFailed(body["failure"].get("request_id", ""))
    return load_result(method, body["result"])
