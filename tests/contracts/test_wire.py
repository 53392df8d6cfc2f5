"""Names on the wire change only on purpose: `wire.txt` is what the code would write today."""

import difflib
from dataclasses import replace

import pytest

from contracts import catalogue, fields
from contracts.method import method
from tests.contracts import wire


def faults(committed, today):
    """Lines that appeared or vanished."""
    difference = difflib.unified_diff(committed.splitlines(), today.splitlines(), n=0)
    return [line for line in difference if not line.startswith(("---", "+++", "@@"))]


def test_the_list_is_up_to_date():
    """When this fails: python -m tests.contracts.wire, then read the difference as a running system would."""
    assert faults(wire.WIRE.read_text(encoding="utf-8"), wire.listing()) == []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"callers": frozenset({"operator"})}, "+  callers operator"),
        ({"changes": False}, "+accounts.log_in within 5 s"),
        ({"takes": fields.record("LogInRequest", email=fields.Text(longest=80))}, "+  takes email: Text(80)"),
    ],
)
def test_a_planted_change_is_found(monkeypatch, change, line):
    changed = {**catalogue.methods(), "accounts.log_in": replace(catalogue.methods()["accounts.log_in"], **change)}
    before = wire.listing()
    monkeypatch.setattr(catalogue, "methods", lambda: changed)
    assert line in faults(before, wire.listing())


def test_two_records_of_one_name_are_told():
    def giving(**shape):
        return method("sync.x", gives={"item": fields.Nested(fields.record("Thing", **shape))}, callers={"gateway"})

    with pytest.raises(wire.TwoRecordsShareAName):
        wire.record_blocks([giving(a=fields.Text()), giving(b=fields.Text())], [])
