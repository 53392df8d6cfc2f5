"""A module is named by its subject: no drawer for everything, no name of the standard library."""

import sys

import pytest

from tests.architecture.tree import PRODUCT

DRAWERS = {"util", "utils", "helper", "helpers", "common", "base", "misc", "shared", "core", "lib", "stuff", "tools"}

# What it is; nothing here reads the standard module's mail folders.
ALLOWED = {"operations/local/mailbox"}


def faults(tree):
    """Modules and packages whose name says nothing, or hides a standard one."""
    found = set()
    for source in tree.python(*PRODUCT, "tests"):
        folders = source.name.removesuffix(".py").split("/")
        for depth, name in enumerate(folders, start=1):
            place = "/".join(folders[:depth])
            if place not in ALLOWED and (name in DRAWERS or name in sys.stdlib_module_names):
                found.add(f"{place}: names no subject, or hides a module of the standard library")
    return sorted(found)


def test_the_tree_names_subjects(tree):
    assert faults(tree) == []


@pytest.mark.parametrize(
    "name", ["services/sync/utils.py", "chassis/common/db.py", "gateway/json.py", "services/queue/domain.py"]
)
def test_a_planted_name_is_found(planted, name):
    assert len(faults(planted({name: ""}))) == 1
