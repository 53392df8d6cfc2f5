"""Secrets travel in calls and replies only, and always as `Secret`, so that nothing on the way keeps or logs them."""

import re

import pytest
from marshmallow import fields as ma

from contracts import catalogue, fields
from contracts.event import event
from contracts.method import holds_secret, method
from tests.contracts.binding import every_method

SECRET_NAMES = re.compile(r"(?:^|_)(?:token|password|secret|claim|key|url|link)$")


def faults(methods, events):
    """Secrets in events, and fields that sound secret without being so."""
    found = [f"{one.name} carries a secret" for one in events if holds_secret(one.carries)]
    for one in [*methods, *events]:
        for schema in schemas_of(one):
            found += [f"{one.name}: {name} is not a Secret" for name in plain_secrets(schema)]
    return found


def schemas_of(value):
    return [value.carries] if hasattr(value, "carries") else [schema for schema in (value.takes, value.gives) if schema]


def plain_secrets(schema):
    for name, field in schema._declared_fields.items():
        inner = field.inner if isinstance(field, ma.List) else field
        if isinstance(inner, ma.Nested):
            yield from plain_secrets(inner.nested)
        elif SECRET_NAMES.search(name) and not isinstance(inner, fields.Secret):
            yield name


def test_the_contracts_keep_their_secrets():
    assert faults(every_method(), catalogue.events().values()) == []


@pytest.mark.parametrize(("gives", "is_kept"), [({"session_token": fields.Secret()}, False), ({"email": fields.Email()}, True)])
def test_what_gives_a_secret_is_not_kept_for_a_repeated_call(gives, is_kept):
    nested = {"items": fields.List(fields.Nested(fields.record("Item", **gives)))}
    for shape in (gives, nested):
        assert method("accounts.log_in", gives=shape, callers={"gateway"}, changes=True).keeps_result == is_kept
    assert not method("accounts.log_out", callers={"gateway"}, changes=True, is_repeatable=True).keeps_result


def test_a_secret_in_an_event_is_not_even_declared():
    with pytest.raises(ValueError, match="a secret in an event"):
        event("sync.run_opened", about="run_id", run_id=fields.UUID(), session_token=fields.Secret())


def test_a_planted_secret_is_found():
    deep = fields.record("Deep", password=fields.Text())
    planted = [method("sync.open_run", takes={"items": fields.List(fields.Nested(deep))}, callers={"gateway"})]
    leaking = event("sync.run_opened", about="run_id", run_id=fields.UUID(), reset_link=fields.Text())
    assert faults(planted, [leaking]) == [
        "sync.open_run: password is not a Secret",
        "sync.run_opened: reset_link is not a Secret",
    ]
