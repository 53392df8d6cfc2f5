"""`service.py` is a table of contents: no branch, no loop, no query."""

import ast

import pytest

BRANCHES = (
    ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match, ast.BoolOp,
    ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
)  # fmt: skip
QUERIES = {"execute", "scalar", "scalars", "stream", "select", "flush", "commit", "rollback"}
DATABASE = ("sqlalchemy", "psycopg", "alembic")


def faults(tree):
    """Branches and queries in the tables of contents."""
    found = []
    for source in tree.named("service", "services"):
        for node in source.nodes:
            word = what_is_wrong(source, node)
            if word:
                found.append(f"{source.at(node)} {word}")
    return found


def what_is_wrong(source, node):
    if isinstance(node, BRANCHES):
        return type(node).__name__
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in QUERIES:
        return f"{node.func.attr}()"
    if isinstance(node, ast.Name) and is_database(source.imported.get(node.id, "")):
        return source.imported[node.id]
    return None


def is_database(name):
    return name.partition(".")[0] in DATABASE or name.endswith((".queries", ".models"))


def test_the_tables_of_contents_only_list(tree):
    assert faults(tree) == []


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("if request: pass", "If"),
        ("for item in request: pass", "For"),
        ("while request: pass", "While"),
        ("try: pass\n        finally: pass", "Try"),
        ("match request:\n            case _: pass", "Match"),
        ("return [item for item in request]", "ListComp"),
        ("return {**request} if request else None", "IfExp"),
        ("return request or {}", "BoolOp"),
        ("return self.session.execute(1)", "execute()"),
        ("return sa.text('SELECT 1')", "sqlalchemy"),
        ("return queries.members()", "services.sync.queries"),
    ],
)
def test_a_planted_decision_is_found(planted, body, word):
    imports = "import sqlalchemy as sa\nfrom services.sync import queries\n"
    text = f"{imports}class Sync:\n    def open_run(self, **request):\n        {body}\n"
    assert [line.split()[1] for line in faults(planted({"services/sync/service.py": text}))] == [word]
