"""Setting up a machine: what is missing is named, what is there costs nothing."""

import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from operations import bootstrap


class TestPackages:
    def test_are_named_once_when_they_cannot_be_installed(self, monkeypatch):
        monkeypatch.setattr(bootstrap, "root_prefix", lambda: None)

        with pytest.raises(SystemExit) as refused:
            bootstrap.install_packages(["postgresql", "rabbitmq-server"])

        prefix = "sudo " if shutil.which("sudo") else ""
        assert f"        {prefix}apt-get install postgresql rabbitmq-server" in str(refused.value)
        assert "docker compose up" in str(refused.value)

    def test_are_installed_by_root_and_by_sudo_alone(self, monkeypatch):
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 0)
        assert bootstrap.root_prefix() == []

        monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
        answers = subprocess.CompletedProcess([], returncode=0)
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: answers)
        assert bootstrap.root_prefix() == ["/usr/bin/sudo", "-n"]

        answers.returncode = 1
        assert bootstrap.root_prefix() is None

    @pytest.mark.parametrize(("is_terminal", "is_known"), [(True, True), (True, False), (False, True)])
    def test_may_be_allowed_by_a_password_typed_once(self, is_terminal, is_known, monkeypatch):
        """Sudo asks where somebody can answer, and is not asked where nobody can."""
        asked = []

        def run(command, **_):
            asked.append(command[1:])
            return subprocess.CompletedProcess(command, 0 if command[1:] == ["-v"] and is_known else 1)

        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
        monkeypatch.setattr(bootstrap.sys, "stdin", SimpleNamespace(isatty=lambda: is_terminal))
        monkeypatch.setattr(subprocess, "run", run)

        assert bootstrap.root_prefix() == (["/usr/bin/sudo", "-n"] if is_terminal and is_known else None)
        assert asked == [["-n", "true"], ["-v"]][: 1 + is_terminal]

    @pytest.mark.parametrize(("user", "needed"), [(0, ["chromium", "faketime", "nftables"]), (1000, ["chromium", "faketime"])])
    def test_of_the_tests_are_missing_where_their_programs_are(self, user, needed, monkeypatch):
        monkeypatch.setattr(shutil, "which", lambda name: None)
        monkeypatch.setattr(bootstrap.os, "geteuid", lambda: user)

        assert bootstrap.missing_packages("dev")[: len(needed)] == needed
        assert not set(needed) & set(bootstrap.missing_packages("runtime"))


class TestLibraries:
    @pytest.fixture(autouse=True)
    def place(self, tmp_path, monkeypatch):
        monkeypatch.setattr(bootstrap, "VENV", tmp_path)
        monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "stamp.json")

    def test_are_not_installed_twice(self, monkeypatch):
        bootstrap.write_stamp("dev")
        monkeypatch.setattr(bootstrap, "run_logged", lambda *_: pytest.fail("it installs again"))

        bootstrap.install_libraries("dev")
        bootstrap.install_libraries("runtime")

    def test_of_tests_are_missing_after_a_plain_run(self):
        bootstrap.write_stamp("runtime")

        assert not bootstrap.is_installed(bootstrap.read_stamp(), "dev")

    def test_are_installed_again_for_another_interpreter(self, monkeypatch):
        bootstrap.STAMP.write_text(json.dumps({"python": "2.7"}))
        commands = []
        monkeypatch.setattr(bootstrap, "run_logged", lambda command, log: commands.append(command))
        monkeypatch.setattr(bootstrap, "write_stamp", lambda wanted: None)

        bootstrap.install_libraries("runtime")

        assert commands[0] == [sys.executable, "-m", "venv", str(bootstrap.VENV)]
        assert "--require-hashes" in commands[1]


class TestLocks:
    @pytest.mark.parametrize("lock", bootstrap.LOCKS.values(), ids=lambda path: path.name)
    def test_name_no_host(self, lock):
        text = lock.read_text()

        assert "://" not in text
        assert "index-url" not in text
