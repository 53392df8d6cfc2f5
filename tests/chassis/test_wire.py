"""What anybody may put beside a request: read, or told to be unreadable; never an error of ours."""

import time
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from marshmallow import fields as ma

from chassis.wire import (
    CONTENT_TYPE,
    CallHeaders,
    UnreadableMessage,
    decode,
    dump_request,
    dump_result,
    encode,
    load_request,
    read_reply,
    reply_result,
)
from contracts import fields
from contracts.method import method

GOOD = {"deadline": "1795523278.5", "subject": "a.b", "request_id": "r1", "idempotency_key": "k1"}


class TestCallHeaders:
    def test_survive_the_journey(self):
        headers = CallHeaders(time.time(), "a.b", "r1", "k1")

        assert CallHeaders.from_wire(headers.to_wire()) == headers
        assert CallHeaders.from_wire({**GOOD, "idempotency_key": None}).idempotency_key is None

    @pytest.mark.parametrize("name", GOOD)
    @pytest.mark.parametrize("value", [3, [], {}, b"x", True, "a\x00b", 1.5], ids=repr)
    def test_of_another_type_are_unreadable(self, name, value):
        with pytest.raises(UnreadableMessage, match=name):
            CallHeaders.from_wire({**GOOD, name: value})

    @pytest.mark.parametrize("name", ["deadline", "subject", "request_id"])
    def test_that_lack_are_unreadable(self, name):
        with pytest.raises(UnreadableMessage, match=name):
            CallHeaders.from_wire({**GOOD, name: None})

    @pytest.mark.parametrize("deadline", ["soon", "nan", "inf", "-inf", ""])
    def test_with_a_deadline_that_never_passes_are_unreadable(self, deadline):
        with pytest.raises(UnreadableMessage):
            CallHeaders.from_wire({**GOOD, "deadline": deadline})

    @pytest.mark.parametrize("headers", [None, {}])
    def test_may_be_missing(self, headers):
        with pytest.raises(UnreadableMessage):
            CallHeaders.from_wire(headers)


class Exact(fields.Record):
    """One field of each kind that JSON has no type for, or a poorer one."""

    which = fields.UUID()
    on = fields.Date()
    at = fields.Instant()
    amount = ma.Decimal(as_string=True)
    ratio = fields.Number()
    count = fields.Integer()


MEASURE = method("accounts.measure", takes=Exact, gives=Exact, callers={"operator"})
VALUES = {
    "which": UUID("0192a3b4-0000-7000-8000-0123456789ab"),
    "on": date(2024, 2, 29),
    "at": datetime(2026, 3, 29, 0, 59, 59, 999_999, UTC),  # The last microsecond before summer time.
    "amount": Decimal("1234567890123456789.10"),  # No binary fraction, more digits than a double, a zero at its end.
    "ratio": 0.1 + 0.2,
    "count": 2**53 + 1,  # The first whole number that a double skips.
}


def kinds(values):
    """Values with their types, and decimals with their digits: `Decimal("1.10") == Decimal("1.1")`."""
    return {name: (type(value), repr(value) if isinstance(value, Decimal) else value) for name, value in values.items()}


class TestExactValues:
    """The schemas make text of them before they become JSON, and values again afterwards."""

    def test_survive_a_request(self):
        body = decode(CONTENT_TYPE, dump_request(MEASURE, VALUES))

        assert kinds(load_request(MEASURE, body)) == kinds(VALUES)

    def test_survive_a_reply(self):
        raw = reply_result(dump_result(MEASURE, VALUES))

        assert kinds(read_reply(MEASURE, raw)) == kinds(VALUES)

    def test_are_text_on_the_wire(self):
        body = decode(CONTENT_TYPE, dump_request(MEASURE, VALUES))

        assert body["amount"] == "1234567890123456789.10"
        assert body["at"] == "2026-03-29T00:59:59.999999+00:00"
        assert {type(body[name]) for name in ("which", "on", "at", "amount")} == {str}

    def test_keep_the_instant_of_another_zone(self):
        winter = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Paris"))  # Half past two comes twice that night.

        body = decode(CONTENT_TYPE, dump_request(MEASURE, {**VALUES, "at": winter}))

        assert load_request(MEASURE, body)["at"] == winter.astimezone(UTC)

    def test_are_never_made_inexact_without_a_schema(self):
        with pytest.raises(TypeError, match="Decimal"):
            encode({"amount": Decimal("0.1")})
