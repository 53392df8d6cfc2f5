"""The world that stories happen in: the whole system, and one fictitious delivery imported into it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "sept abricots sous la pluie"
WORLD = ("--structures", "50", "--seed", "7")


@pytest.fixture(scope="session")
def delivery(tmp_path_factory):
    """A fictitious delivery of fifty structures: its directory."""
    directory = tmp_path_factory.mktemp("delivery")
    command = [sys.executable, "-m", "services.sync.generator", *WORLD, str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return directory


@pytest.fixture(scope="session")
def imported(stack, delivery):
    """The delivery, imported as an operator does it: what the command printed."""
    return stack.emplois("import", str(delivery))


@pytest.fixture(scope="session")
def unused_structures(delivery):
    """Active structures of the delivery with an official address, the only ones of their companies; each taken once."""
    manifest = json.loads((delivery / "manifest.json").read_text())
    companies = {}
    for key in manifest["keys"]:
        companies.setdefault(key["siret"][:9], []).append(key)
    alone = [keys[0] for keys in companies.values() if len(keys) == 1]
    return iter([key for key in alone if key["active"] and key["auth_email"]])


@pytest.fixture
def structure(unused_structures):
    """One that no other test has used."""
    return next(unused_structures)


@pytest.fixture
def mailbox(stack):
    return stack.mailbox


def link_in(mail, page):
    """The address of one of our pages in a mail's text."""
    found = re.search(rf"https?://\S+/{page}/[A-Za-z0-9_-]+", mail["text"])
    assert found, mail["text"]
    return found.group(0)


def token_in(mail, page):
    """The token of the link to one of our pages in a mail's text."""
    return link_in(mail, page).rpartition("/")[2]
