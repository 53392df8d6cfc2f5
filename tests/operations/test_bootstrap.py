"""Setting up a machine: what is missing is named, what is there costs nothing."""

import json
import shutil
import subprocess
import sys

import pytest

from operations import bootstrap


class TestPackages:
    def test_are_named_once_when_they_cannot_be_installed(self, monkeypatch):
        monkeypatch.setattr(bootstrap, "root_prefix", lambda: None)

        with pytest.raises(SystemExit) as refused:
            bootstrap.install_packages(["postgresql", "rabbitmq-server"])

        assert "apt-get install postgresql rabbitmq-server" in str(refused.value)
        assert "docker compose up" in str(refused.value)

    def test_are_installed_by_root_and_by_sudo_alone(self, monkeypatch):
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 0)
        assert bootstrap.root_prefix() == []

        monkeypatch.setattr(bootstrap.os, "geteuid", lambda: 1000)
        answers = subprocess.CompletedProcess([], returncode=0)
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: answers)
        assert bootstrap.root_prefix() == ["/usr/bin/sudo", "-n"]

        answers.returncode = 1  # Sudo that asks for a password is no right to install.
        assert bootstrap.root_prefix() is None


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
