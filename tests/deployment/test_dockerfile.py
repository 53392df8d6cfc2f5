"""The Dockerfile without a Docker engine: hadolint, and what must be true of the image."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import PRODUCT, ROOT

HADOLINT = Path(sys.executable).with_name("hadolint")


def lint(path):
    """What hadolint says of a Dockerfile."""
    done = subprocess.run([HADOLINT, "--no-color", path], capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode else []


def faults(text):
    """What hadolint does not know of our image."""
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    last = text[text.rindex("\nFROM ") :] if "\nFROM " in text else text
    users = re.findall(r"^USER (\S+)", last, re.MULTILINE)
    found = [f"{base} is no full version" for base in bases if not re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base)]
    found += [] if len(bases) > 1 else ["what builds stays in the image"]
    found += [] if users and re.fullmatch(r"[1-9]\d*(?::[1-9]\d*)?", users[-1]) else ["runs as root, or as who knows whom"]
    found += [] if re.search(r"^HEALTHCHECK .*CMD \[", last, re.MULTILINE) else ["has no health check"]
    found += [] if "--require-hashes" in text else ["installs what no hash vouches for"]
    return found + [f"does not hold {name}" for name in PRODUCT if f"\nCOPY {name} {name}\n" not in last]


def let_through(text):
    """Folders that .dockerignore lets through."""
    return {line[1:] for line in text.splitlines() if line.startswith("!")}


def test_hadolint_finds_nothing():
    assert lint(ROOT / "Dockerfile") == []


def test_hadolint_finds_a_planted_fault(tmp_path):
    planted = tmp_path / "Dockerfile"
    planted.write_text("FROM python:latest\nRUN cd /tmp && sudo pip install nameko\n")
    assert len(lint(planted)) >= 2


def test_the_image_keeps_the_rules():
    assert faults((ROOT / "Dockerfile").read_text(encoding="utf-8")) == []


def test_the_image_gets_the_product_and_nothing_else():
    text = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    assert text.splitlines()[1] == "*"
    assert let_through(text) == {*PRODUCT, "requirements.lock"}
    assert "deploy/.secrets" in text.splitlines()


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("FROM python:3.11.13-slim-bookworm", "FROM python:3.11", "python:3.11 is no full version"),
        ("USER 10001:10001", "USER root", "runs as root, or as who knows whom"),
        ("USER 10001:10001", "", "runs as root, or as who knows whom"),
        ("HEALTHCHECK", "# HEALTHCHECK", "has no health check"),
        ("--require-hashes ", "", "installs what no hash vouches for"),
        ("COPY gateway gateway\n", "", "does not hold gateway"),
    ],
)
def test_a_planted_fault_is_found(before, after, reason):
    planted = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace(before, after)
    assert reason in faults(planted)


def test_a_single_stage_is_found():
    assert "what builds stays in the image" in faults("FROM python:3.11.13-slim-bookworm\nUSER 1\n")
