"""Imports run in the directions of .importlinter, which names every service."""

import configparser
import os
import subprocess
import sys

import pytest

from contracts.vocabulary import SERVICES
from tests.architecture.tree import ROOT

LINT = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"


def faults(tree):
    """What import-linter finds broken in a tree, by the contracts that stand at its root."""
    command = [sys.executable, "-c", LINT, "--no-cache", "--no-logo"]
    settings = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}  # It would show another tree's packages.
    done = subprocess.run(command, cwd=tree.root, env=settings, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return []
    return [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]


def services_left_out(tree):
    """Services of the tree that the independence contract does not name."""
    contracts = configparser.ConfigParser()
    contracts.read(tree.root / ".importlinter")
    named = contracts["importlinter:contract:services"]["modules"].split()
    folders = {path.name for path in (tree.root / "services").iterdir() if (path / "__init__.py").exists()}
    return sorted(f"services.{name}" for name in folders | set(SERVICES) if f"services.{name}" not in named)


def packages(**extra):
    """The smallest tree that keeps the contracts, with these files changed."""
    names = ["operations", "services", "gateway", "chassis", "contracts", *(f"services/{name}" for name in SERVICES)]
    files = {f"{name}/__init__.py": "" for name in names}
    files["services/accounts/domain.py"] = "from contracts import errors\n"
    files["contracts/errors.py"] = ""
    files[".importlinter"] = (ROOT / ".importlinter").read_text()
    return files | extra


def test_the_tree_imports_downward(tree):
    assert faults(tree) == []


def test_every_service_is_under_contract(tree):
    assert services_left_out(tree) == []


def test_a_sound_small_tree_passes(planted):
    assert faults(planted(packages())) == []


@pytest.mark.parametrize(
    ("name", "text", "broken"),
    [
        ("services/accounts/actions.py", "from services.sync import queries\n", "No service imports another"),
        ("services/accounts/domain.py", "import sqlalchemy\n", "Domain rules touch no library"),
        ("services/accounts/domain.py", "from marshmallow import fields\n", "Domain rules touch no library"),
        ("services/accounts/domain.py", "from services.accounts import actions\n", "Inside a service, imports run downward"),
        ("contracts/errors.py", "import chassis\n", "the chassis on the contracts"),
        ("chassis/db.py", "from services.accounts import domain\n", "the chassis on the contracts"),
        ("gateway/app.py", "from services.accounts import domain\n", "the chassis on the contracts"),
    ],
)
def test_a_planted_import_is_found(planted, name, text, broken):
    extra = {"services/sync/queries.py": "", "services/accounts/actions.py": ""}
    found = faults(planted(packages(**extra | {name: text})))
    assert f"{broken} BROKEN" in " ".join(" ".join(found).split())  # The report breaks its lines.


def test_a_service_left_out_is_found(planted):
    assert services_left_out(planted(packages(**{"services/payroll/__init__.py": ""}))) == ["services.payroll"]
