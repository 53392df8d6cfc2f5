"""A TODO names an issue: `TODO(#12)`. One without is a wish that nobody will find again."""

import io
import re
import tokenize

import pytest

WISHES = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
NAMED = re.compile(r"\bTODO ?\(?#\d+\)?")
COMMENTED = (".yml", ".yaml", ".toml", ".sh", ".js", ".css", ".html", ".jinja", ".ini", ".conf", "Dockerfile", "Makefile")


def faults(tree):
    """Comments that wish without an issue."""
    found = []
    for source in tree.sources:
        for number, text in comments(source):
            if WISHES.search(text) and not NAMED.search(text):
                found.append(f"{source.at(number)} {text.strip()}")
    return found


def comments(source):
    """(line, text) of what may hold a wish: comments in Python, every line of the other languages."""
    if source.name.endswith(".py"):
        tokens = tokenize.generate_tokens(io.StringIO(source.text).readline)
        return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]
    return list(enumerate(source.lines, start=1)) if source.name.endswith(COMMENTED) else []


def test_every_wish_names_an_issue(tree):
    assert faults(tree) == []


@pytest.mark.parametrize("wish", ["TODO: later", "FIXME", "HACK around it"])
def test_a_planted_wish_is_found(planted, wish):
    assert len(faults(planted({"chassis/db.py": f"x = 1  # {wish}\n", "Makefile": f"# {wish}\n"}))) == 2


def test_a_named_one_passes(planted):
    assert faults(planted({"chassis/db.py": "x = 1  # TODO(#12): close it\ny = 'TODO'\n"})) == []
