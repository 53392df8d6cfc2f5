"""The files that compose mounts: all of them, readable by the containers and nobody else, kept by a second run."""

import json
import stat

import pytest
import yaml

from chassis import topology
from contracts.vocabulary import CALLERS, SERVICES
from deploy import make_secrets
from tests.architecture.tree import ROOT


@pytest.fixture
def folder(tmp_path):
    make_secrets.write(tmp_path / "secrets")
    return tmp_path / "secrets"


def test_every_secret_of_the_compose_file_is_made(folder):
    declared = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["secrets"]
    assert {name: entry["file"] for name, entry in declared.items()} == {name: f"./deploy/.secrets/{name}" for name in declared}
    assert {path.name for path in folder.iterdir()} == declared.keys() | {"secrets.json"}


def test_the_folder_is_its_owners_alone(folder):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "secrets.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "sync_amqp_url").stat().st_mode) == 0o444


def test_a_second_run_keeps_everything(folder):
    (folder / "smtp_url").write_text("smtps://mail.example:465")
    (folder / "sync_token").write_text("not ours")
    before = {path.name: path.read_text() for path in folder.iterdir()}

    make_secrets.write(folder)

    after = {path.name: path.read_text() for path in folder.iterdir()}
    salted = "broker_definitions"  # The same passwords, hashed with new salts.
    assert {name: text for name, text in after.items() if name != salted} == {
        name: text for name, text in before.items() if name != salted
    }


def test_the_broker_knows_every_participant_and_its_permissions(folder):
    definitions = json.loads((folder / "broker_definitions").read_text())
    granted = {row["user"]: row for row in definitions["permissions"]}
    assert {row["name"] for row in definitions["users"]} == {*CALLERS, "admin"}
    for name in CALLERS:
        may = topology.permissions(name)
        assert granted[name] == {
            "user": name, "vhost": "emplois", "configure": may.configure, "write": may.write, "read": may.read,
        }  # fmt: skip


def test_no_password_stands_in_the_definitions(folder):
    text = (folder / "broker_definitions").read_text()
    known = json.loads((folder / "secrets.json").read_text())
    assert [name for name, secret in known.items() if secret in text] == []


def test_every_service_has_a_database_and_a_role(folder):
    lines = (folder / "databases.sql").read_text().splitlines()
    for service in SERVICES:
        url = (folder / f"{service}_database_url").read_text()
        password = url.removeprefix(f"postgresql://{service}:").partition("@")[0]
        assert f"CREATE ROLE \"{service}\" LOGIN PASSWORD '{password}';" in lines
        assert f'REVOKE ALL ON DATABASE "{service}" FROM PUBLIC;' in lines
