"""Settings: read once, usable defaults, secrets from files."""

import base64

import pytest

from chassis.settings import SettingIsMissing
from gateway.settings import read_settings


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    (tmp_path / "key").write_text(base64.b64encode(bytes(32)).decode() + "\n")
    monkeypatch.setenv("GATEWAY_AMQP_URL", "amqp://gateway:hidden@127.0.0.1/emplois")
    monkeypatch.setenv("GATEWAY_SIGNING_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("GATEWAY_COOKIE_KEY", "5e" * 32)


def test_secrets_come_from_files_and_are_never_printed():
    settings = read_settings()
    assert settings.cookie_key == b"^" * 32
    assert not any(secret in repr(settings) for secret in ("hidden", "^^^^", "Ed25519"))


def test_a_missing_secret_is_named(monkeypatch):
    monkeypatch.delenv("GATEWAY_COOKIE_KEY")
    with pytest.raises(SettingIsMissing, match="GATEWAY_COOKIE_KEY"):
        read_settings()


@pytest.mark.parametrize(
    ("public_url", "given", "expected"),
    [
        ("http://127.0.0.1:8000", None, True),
        ("http://localhost", None, True),
        ("https://emplois.example/", None, False),
        ("http://emplois.example", None, False),
        ("http://emplois.example", "1", True),
        ("http://127.0.0.1:8000", "0", False),
    ],
)
def test_cookies_are_secure_but_on_this_very_machine(public_url, given, expected, monkeypatch):
    monkeypatch.setenv("PUBLIC_URL", public_url)
    if given:
        monkeypatch.setenv("GATEWAY_INSECURE_COOKIES", given)
    settings = read_settings()
    assert settings.insecure_cookies is expected
    assert settings.session_cookie == ("session" if expected else "__Host-session")
    assert not settings.origin.endswith("/")


def test_services_are_known_by_name(monkeypatch):
    monkeypatch.setenv("GATEWAY_SERVICES_HEALTH", "accounts=http://127.0.0.1:1,sync=http://127.0.0.1:2")
    assert read_settings().services_health == {"accounts": "http://127.0.0.1:1", "sync": "http://127.0.0.1:2"}
