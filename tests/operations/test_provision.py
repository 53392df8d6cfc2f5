"""What prepares servers of one's own."""

import os
import subprocess

import pytest

from contracts.vocabulary import CALLERS, SERVICES
from operations.local import provision
from operations.local.places import ROOT


def own_servers():
    settings = {f"{name.upper()}_DATABASE_URL": f"postgresql://{name}:s%27e@db.example/{name}_prod" for name in SERVICES}
    return settings | {f"{name.upper()}_AMQP_URL": f"amqp://{name}:pw@mq.example/emplois" for name in CALLERS}


class TestExternal:
    def test_is_empty_when_nothing_is_set(self):
        assert provision.external_databases({}) == {}

    def test_names_what_is_missing(self):
        settings = own_servers()
        del settings["SYNC_DATABASE_URL"]

        with pytest.raises(provision.SettingsAreIncomplete, match="il manque SYNC_DATABASE_URL ;"):
            provision.external_databases(settings)

    def test_reads_addresses_kept_in_files(self, tmp_path):
        settings = own_servers()
        (tmp_path / "url").write_text("postgresql://sync:pw@db.example/sync\n")
        settings["SYNC_DATABASE_URL_FILE"] = str(tmp_path / "url")

        assert provision.external_databases(settings)["sync"] == "postgresql://sync:pw@db.example/sync"

    def test_wants_broker_users_named_like_participants(self):
        settings = own_servers() | {"SYNC_AMQP_URL": "amqp://guest:guest@mq.example/emplois"}

        with pytest.raises(provision.SettingsAreIncomplete, match="sync"):
            provision.external_brokers(settings)


class TestPrinted:
    def test_prepares_one_database_and_role_a_service(self):
        lines = provision.printed(own_servers())

        assert """CREATE ROLE "accounts" LOGIN PASSWORD 's''e';""" in lines
        assert """CREATE DATABASE "sync_prod" OWNER "sync" ENCODING 'UTF8' TEMPLATE template0;""" in lines

    def test_prepares_one_broker_user_a_participant(self):
        lines = provision.printed(own_servers())

        assert "rabbitmqctl add_vhost emplois" in lines
        for name in CALLERS:
            assert f"rabbitmqctl add_user {name} pw" in lines
            assert any(line.startswith(f"rabbitmqctl set_permissions -p emplois {name} ") for line in lines)
            assert any(line.startswith(f"rabbitmqctl set_topic_permissions -p emplois {name} calls ") for line in lines)

    def test_prints_sql_that_postgresql_takes(self, servers):
        settings = {key: value for key, value in own_servers().items() if "DATABASE" in key}
        renamed = {key: value.replace("://", "://own_") for key, value in settings.items()}
        script = "\n".join(provision.printed(renamed))

        done = subprocess.run(
            ["psql", "-v", "ON_ERROR_STOP=1", servers.postgresql.url()], input=script, text=True, capture_output=True, check=False
        )

        assert done.returncode == 0, done.stderr


class TestCommandLine:
    def test_prints_for_the_servers_in_the_environment(self):
        command = [str(ROOT / ".venv/bin/python"), "-m", "operations.local.provision"]

        done = subprocess.run(command, env={**os.environ, **own_servers()}, cwd=ROOT, capture_output=True, text=True, check=True)

        assert "CREATE DATABASE" in done.stdout
        assert "rabbitmqctl add_user" in done.stdout
