"""`domain.py` knows no clock, no chance, no library: the world comes in by argument.

It may import the standard library, `contracts.vocabulary`, `contracts.addresses` and refusals; never a schema, method or event.
"""

import ast
import importlib
import sys

import pytest

from contracts.errors import Refusal

MODULES = ("time", "random", "secrets")
CALLS = {
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
    "uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7", "uuid.uuid8",
    "os.urandom", "os.getrandom", "os.environ", "os.getenv",
}  # fmt: skip
WORDS = ("contracts.vocabulary", "contracts.addresses", "contracts.errors")


def faults(tree):
    """Clocks, chance and foreign imports in the rules."""
    found = []
    for source in tree.named("domain", "services"):
        package = source.name.partition("/domain")[0].replace("/", ".")
        for node in source.nodes:
            found += [f"{source.at(node)} {name}" for name in wrong_names(source, node, package)]
    return found


def wrong_names(source, node, package):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names if is_impure(alias.name) or not may_import(alias.name, package)]
    if isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{alias.name}" for alias in node.names]
        return [name for name in names if node.level or is_impure(name) or not may_import(name, package)]
    name = source.dotted(node) if isinstance(node, ast.Attribute) else ""
    return [name] if name in CALLS else []


def is_impure(name):
    return name in CALLS or name.partition(".")[0] in MODULES


def may_import(name, package):
    """Whether a rule may know this: see the module's docstring."""
    if name.partition(".")[0] in sys.stdlib_module_names or name.startswith((*WORDS, f"{package}.domain")):
        return True
    module, _, last = name.rpartition(".")
    return module.startswith("contracts.") and is_refusal(getattr(importlib.import_module(module), last, None))


def is_refusal(value):
    return isinstance(value, type) and issubclass(value, Refusal)


def test_the_rules_are_pure(tree):
    assert faults(tree) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("from datetime import datetime\nnow = datetime.now()\n", "datetime.datetime.now"),
        ("import datetime as dt\ntoday = dt.date.today()\n", "datetime.date.today"),
        ("import time\n", "time"),
        ("from random import choice\n", "random.choice"),
        ("import random as dice\n", "random"),
        ("from uuid import uuid4 as new\n", "uuid.uuid4"),
        ("import uuid\nnew = uuid.uuid4\n", "uuid.uuid4"),
        ("import secrets\n", "secrets"),
        ("import os\nsalt = os.urandom(8)\n", "os.urandom"),
        ("import sqlalchemy as sa\n", "sqlalchemy"),
        ("from chassis import clock\n", "chassis.clock"),
        ("from contracts import accounts\n", "contracts.accounts"),
        ("from contracts.accounts import log_in\n", "contracts.accounts.log_in"),
        ("from services.sync import queries\n", "services.sync.queries"),
    ],
)
def test_a_planted_world_is_found(planted, text, name):
    assert [line.split()[1] for line in faults(planted({"services/sync/domain.py": text}))] == [name]


def test_plain_rules_pass(planted):
    text = "from datetime import datetime, time\nfrom contracts.sync import RunNotFound\nfrom contracts.vocabulary import Role\n"
    assert faults(planted({"services/sync/domain.py": text + "noon = time(12)\n"})) == []
