"""The project's tree, and small trees to plant a fault in."""

import pytest

from tests.architecture.tree import ROOT, Tree

_PROJECT = Tree(ROOT)


@pytest.fixture
def tree():
    """The project."""
    return _PROJECT


@pytest.fixture
def planted(tmp_path):
    """`planted({"services/sync/domain.py": "import random"})`: a tree of just these files."""

    def plant(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return Tree(tmp_path)

    return plant
