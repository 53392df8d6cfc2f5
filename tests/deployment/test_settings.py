"""Each container finds every setting that it needs: its environment is read by the code of its own process."""

import os
import re

import pytest
import yaml

from chassis.settings import SettingIsMissing, read_bus_settings, read_database_url, read_service_settings
from contracts.vocabulary import SERVICES
from deploy import make_secrets
from gateway.settings import read_settings
from tests.architecture.tree import ROOT

DEFAULT = re.compile(r"\$\{\w+:?-([^}]*)\}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secrets")
    make_secrets.write(folder)
    return folder


@pytest.fixture
def enter(folder, monkeypatch):
    """`enter("sync")`: from now on, this process has that container's environment and nothing else of ours."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]

    def into(name, **changes):
        for known in [key for key in os.environ if key.isupper() and key not in ("PATH", "HOME", "TMPDIR")]:
            monkeypatch.delenv(known)
        for key, value in {**services[name]["environment"], **changes}.items():
            monkeypatch.setenv(key, DEFAULT.sub(r"\1", value).replace("/run/secrets", str(folder)))

    return into


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_finds_its_settings(enter, service):
    enter(service)
    settings = read_service_settings(service)
    assert settings.database_url.endswith(f"@postgres:5432/{service}")
    assert settings.amqp_url.startswith(f"amqp://{service}:")
    assert settings.amqp_url.endswith("@rabbitmq:5672/emplois")
    assert settings.health_host == "0.0.0.0"
    assert settings.clock_offset_file is None
    assert set(settings.public_keys) >= {*SERVICES, "gateway", "operator"}


def test_links_have_a_key_where_links_are_made(enter):
    for service in ("accounts", "organizations", "invitations"):
        enter(service)
        assert len(read_service_settings(service).token_key) == 32


def test_notifications_find_the_mailbox(enter):
    enter("notifications")
    assert read_service_settings("notifications").smtp_url == "smtp://mailbox:1025"


def test_the_gateway_finds_its_settings(enter):
    enter("gateway")
    settings = read_settings()
    assert (settings.host, settings.port, settings.public_url) == ("0.0.0.0", 8000, "http://127.0.0.1:8000")
    assert settings.services_health == {service: f"http://{service}:8080" for service in SERVICES}


def test_the_operator_finds_its_settings(enter):
    enter("operator")
    assert read_bus_settings("operator").amqp_url.startswith("amqp://operator:")


def test_migrations_find_every_database(enter):
    enter("migrate")
    for service in SERVICES:
        assert read_database_url(service).endswith(f"/{service}")


def test_a_setting_left_out_is_found(enter, monkeypatch):
    enter("sync")
    monkeypatch.delenv("SYNC_SIGNING_KEY_FILE")
    with pytest.raises(SettingIsMissing):
        read_service_settings("sync")
