"""What a service reads from its environment, and refuses to start without."""

import base64

import pytest

from chassis.settings import SettingIsMissing, read_service_settings

KEY = base64.b64encode(bytes(32)).decode()


@pytest.fixture
def environment(monkeypatch):
    """Enough to start accounts."""
    given = {
        "ACCOUNTS_DATABASE_URL": "postgresql://accounts@127.0.0.1/accounts",
        "ACCOUNTS_AMQP_URL": "amqp://accounts:x@127.0.0.1/emplois",
        "ACCOUNTS_SIGNING_KEY": KEY,
        "ACCOUNTS_TOKEN_KEY": "ab" * 32,
        "SUBJECT_PUBLIC_KEYS": "",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize("key", [None, "", "ab" * 31, "zz" * 32, "ab" * 31 + "a"])
def test_links_are_made_with_no_key_that_can_be_guessed(environment, key):
    if key is None:
        environment.delenv("ACCOUNTS_TOKEN_KEY")
    else:
        environment.setenv("ACCOUNTS_TOKEN_KEY", key)

    with pytest.raises(SettingIsMissing, match="ACCOUNTS_TOKEN_KEY"):
        read_service_settings("accounts")


def test_who_makes_no_links_needs_no_key(environment):
    for name in ("DATABASE_URL", "AMQP_URL"):
        environment.setenv(f"SYNC_{name}", "x://sync@127.0.0.1/sync")
    environment.setenv("SYNC_SIGNING_KEY", KEY)

    assert read_service_settings("sync").token_key is None


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("false", False), (None, True)])
def test_one_kind_per_email_is_one_setting_for_all(environment, text, expected):
    """G-07."""
    if text:
        environment.setenv("ONE_KIND_PER_EMAIL", text)

    assert read_service_settings("accounts").one_kind_per_email is expected


def test_secrets_are_never_shown(environment):
    shown = repr(read_service_settings("accounts"))

    assert "127.0.0.1/accounts" not in shown
    assert "\\xab" not in shown
