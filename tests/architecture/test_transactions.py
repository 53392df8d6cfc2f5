"""The chassis commits, nobody else; and the time is read once per transaction, never by a statement."""

import ast
import re

import pytest

ENDINGS = {"commit", "rollback"}
CLOCKS = re.compile(
    r"\b(?:now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(\s*\)"
    r"|\b(?:current_timestamp|current_date|current_time|localtimestamp|localtime)\b",
    re.IGNORECASE,
)
FUNCTIONS = re.compile(r"\bfunc\.(?:now|current_\w+|local\w+|\w+_timestamp|timeofday)$")


def commits(tree):
    """Calls that end a transaction outside the chassis."""
    return [
        f"{source.at(node)} {node.func.attr}()"
        for source in tree.python("contracts", "services", "gateway", "operations")
        for node in source.nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ENDINGS
    ]


def clocks(tree):
    """The database's clock asked by a service's statement: two rows of one change would bear different times, and tests none."""
    found = []
    for source in tree.python("services"):
        documents = {id(node.value) for node in source.nodes if isinstance(node, ast.Expr)}
        for node in source.nodes:
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            if FUNCTIONS.search(source.dotted(node)) or (id(node) not in documents and CLOCKS.search(text)):
                found.append(f"{source.at(node)} asks the database's clock")
    scripts = [source for source in tree.sources if source.name.startswith("services/") and source.name.endswith(".sql")]
    return found + [f"{source.name} asks the database's clock" for source in scripts if CLOCKS.search(source.text)]


def faults(tree):
    return commits(tree) + clocks(tree)


def test_the_tree_leaves_both_to_the_chassis(tree):
    assert faults(tree) == []


@pytest.mark.parametrize(
    "text",
    [
        "def end(session):\n    session.commit()\n",
        "import sqlalchemy as sa\nnow = sa.func.now()\n",
        "from sqlalchemy import func\nnow = func.clock_timestamp()\n",
        "import sqlalchemy as sa\nclose = sa.text('UPDATE runs SET ended_at = now()')\n",
        "import sqlalchemy as sa\nended_at = sa.Column(server_default=sa.text('CURRENT_TIMESTAMP'))\n",
    ],
)
def test_a_planted_one_is_found(planted, text):
    assert len(faults(planted({"services/sync/queries.py": text}))) == 1


def test_the_chassis_and_docstrings_are_left_alone(planted):
    text = '"""Where now() is read."""\ndef end(session):\n    session.commit()\n'
    assert faults(planted({"chassis/db.py": text, "services/sync/queries.py": '"""Never now()."""\n'})) == []
