"""Logs hold facts: a name in snake case, then what it is about; never a sentence, an address, a token or a person's name."""

import ast
import re

import pytest

from tests.architecture.tree import PRODUCT

LOGGERS = {"_log", "log", "logger", "_logger", "logging"}
LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
FACT = re.compile(r"[a-z][a-z0-9_]*")
PERSONAL = {
    "address", "claim", "cookie", "email", "first_name", "last_name", "password", "phone", "recipient", "session_token",
    "token", "url",
}  # fmt: skip


def faults(tree):
    """Log calls that are no facts, or tell too much."""
    found = []
    for source in tree.python(*PRODUCT):
        for node in source.nodes:
            if is_log_call(node):
                found += [f"{source.at(node)} {reason}" for reason in what_is_wrong(node)]
    return found


def is_log_call(node):
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in LOGGERS
    )


def what_is_wrong(call):
    fact = call.args[0] if call.args else None
    named = isinstance(fact, ast.Constant) and isinstance(fact.value, str) and FACT.fullmatch(fact.value)
    if not named or len(call.args) > 1:
        yield "is not a fact's name"
    for keyword in call.keywords:
        if keyword.arg == "event":
            yield "names a keyword as the logger does its own: it would raise"
        if keyword.arg in PERSONAL:
            yield f"tells {keyword.arg}"


def test_the_logs_hold_facts(tree):
    assert faults(tree) == []


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("_log.info(f'{member} removed')", "is not a fact's name"),
        ("_log.info('Member removed')", "is not a fact's name"),
        ("log.warning('removed %s', 1)", "is not a fact's name"),
        ("log.error('a' + 'b')", "is not a fact's name"),
        ("_log.info('mail_sent', email='x')", "tells email"),
        ("_log.info('mail_sent', event='x')", "names a keyword as the logger does its own: it would raise"),
    ],
)
def test_a_planted_sentence_is_found(planted, call, reason):
    assert faults(planted({"chassis/db.py": f"{call}\n"})) == [f"chassis/db.py:1 {reason}"]
