"""What anybody may put beside a request: read, or told to be unreadable; never an error of ours."""

import time

import pytest

from chassis.wire import CallHeaders, UnreadableMessage

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
