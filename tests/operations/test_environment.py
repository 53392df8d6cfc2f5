"""Settings: what a person sets wins, and what follows from it follows."""

import os
import shutil
import subprocess

import pytest

from chassis import migrations
from contracts.vocabulary import CALLERS, SERVICES
from operations.local import environment, keys, ports
from operations.local.places import ROOT


@pytest.fixture
def settings(tmp_path):
    secrets = keys.load_or_make(tmp_path / "secrets")
    databases = {name: f"postgresql://{name}:pw@127.0.0.1/{name}" for name in SERVICES}
    brokers = {name: f"amqp://{name}:pw@127.0.0.1/emplois" for name in CALLERS}
    return environment.build(tmp_path, secrets, ports.Ports(tmp_path / "ports.json"), databases, brokers)


class TestOverridden:
    def test_addresses_follow_the_ports(self, settings):
        given = {"GATEWAY_PORT": "9123", "GATEWAY_HEALTH_PORT": "9124", "SYNC_HEALTH_PORT": "9125", "MAILBOX_SMTP_PORT": "9126"}

        found = environment.overridden(settings, given)

        assert found["PUBLIC_URL"] == "http://127.0.0.1:9123"
        assert found["OPERATOR_HEALTH_URL"] == "http://127.0.0.1:9124/healthz"
        assert "sync=http://127.0.0.1:9125" in found["GATEWAY_SERVICES_HEALTH"].split(",")
        assert found["SMTP_URL"] == "smtp://127.0.0.1:9126"

    def test_an_address_that_is_given_wins(self, settings):
        given = {"GATEWAY_PORT": "9123", "PUBLIC_URL": "https://emplois.example"}

        assert environment.overridden(settings, given)["PUBLIC_URL"] == "https://emplois.example"

    @pytest.mark.parametrize("name", ["SMTP_URL", "SUBJECT_PUBLIC_KEYS", "ACCOUNTS_SIGNING_KEY"])
    def test_a_secret_may_be_in_a_file(self, settings, name, tmp_path):
        (tmp_path / "file").write_text("chosen\n")

        found = environment.overridden(settings, {f"{name}_FILE": str(tmp_path / "file")})

        assert found[name] == "chosen"
        assert f"{name}_FILE" not in found

    def test_a_file_that_cannot_be_read_is_named(self, settings, tmp_path):
        with pytest.raises(environment.SettingsAreIncomplete, match="SMTP_URL_FILE nomme"):
            environment.overridden(settings, {"SMTP_URL_FILE": str(tmp_path / "nothing")})

    def test_nothing_given_changes_nothing(self, settings):
        assert environment.overridden(settings, {"HOME": "/root"}) == settings

    def test_mails_and_deliveries_are_their_owners(self, settings, tmp_path):
        for name in ("files", "mails"):
            assert (tmp_path / name).stat().st_mode & 0o077 == 0


class TestCommandLine:
    """`./emplois` of a clone, whose Python here prints the settings that it is given."""

    @pytest.fixture
    def clone(self, tmp_path):
        shutil.copy(ROOT / "emplois", tmp_path)
        (tmp_path / ".run").mkdir()
        (tmp_path / ".run" / "env").write_text("OPERATOR_SIGNING_KEY='written'\nPUBLIC_URL='it''s'\nOPERATOR_AMQP_URL=written\n")
        python = tmp_path / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text('#!/bin/sh\necho "$OPERATOR_AMQP_URL|$OPERATOR_SIGNING_KEY|$PUBLIC_URL|$*"\n')
        python.chmod(0o700)
        return tmp_path

    def run(self, clone, *words, **given):
        known = {"PATH": os.environ["PATH"], **given}
        return subprocess.run([clone / "emplois", *words], env=known, capture_output=True, text=True, check=False)

    def test_takes_what_make_run_wrote(self, clone):
        assert self.run(clone, "mails").stdout == "written|written|its|-m operations.commands mails\n"

    def test_lets_what_is_set_win_and_takes_the_rest(self, clone):
        """In the shell where one's own servers were exported, the keys are still those that `make run` made."""
        done = self.run(clone, "mails", OPERATOR_AMQP_URL='amqp://o:it\'s $HOME "x"\n@mq')

        assert done.stdout == 'amqp://o:it\'s $HOME "x"\n@mq|written|its|-m operations.commands mails\n'

    @pytest.mark.parametrize("missing", [".run", ".venv"])
    def test_says_what_to_do_first(self, clone, missing):
        shutil.rmtree(clone / missing)

        done = self.run(clone, "mails")

        assert done.returncode == 1
        assert done.stdout == ""
        assert "lancez « make run » d'abord" in done.stderr

    @pytest.mark.parametrize("words", [[], ["--help"], ["import", "-h"], ["generate-delivery", "x"]])
    def test_asks_nothing_of_those_who_ask_nobody(self, clone, words):
        shutil.rmtree(clone / ".run")

        assert self.run(clone, *words).returncode == 0


def test_migrations_are_found_under_an_odd_path(tmp_path, monkeypatch):
    monkeypatch.setattr(migrations, "SERVICES", tmp_path / "100 %(here)s" / "services")

    assert "100 %(here)s" in migrations.config_of("accounts").get_main_option("script_location")
