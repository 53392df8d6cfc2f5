"""Every setting of a local installation, as the environment of its processes."""

import os
import shlex

from contracts.vocabulary import SERVICES
from operations.local.keys import PARTICIPANTS, TOKEN_MAKERS, public_keys, write_private

LOOPBACK = "http://127.0.0.1"


def build(directory, secrets, ports, database_urls, amqp_urls):
    """Return all settings by name; the two last arguments hold an address by participant."""
    settings = shared(directory, secrets, ports)
    for service in SERVICES:
        settings[f"{service.upper()}_DATABASE_URL"] = database_urls[service]
    for name in PARTICIPANTS:
        settings[f"{name.upper()}_AMQP_URL"] = amqp_urls[name]
        settings[f"{name.upper()}_SIGNING_KEY"] = secrets[f"{name.upper()}_SIGNING_KEY"]
    for name in (*SERVICES, "gateway"):
        settings[f"{name.upper()}_HEALTH_PORT"] = str(ports[f"{name} health"])
    for service in TOKEN_MAKERS:
        settings[f"{service.upper()}_TOKEN_KEY"] = secrets[f"{service.upper()}_TOKEN_KEY"]
    return settings


def shared(directory, secrets, ports):
    health = ",".join(f"{service}={LOOPBACK}:{ports[f'{service} health']}" for service in SERVICES)
    files = directory / "files"
    files.mkdir(parents=True, exist_ok=True)
    return {
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(ports["gateway"]),
        "GATEWAY_COOKIE_KEY": secrets["GATEWAY_COOKIE_KEY"],
        "GATEWAY_SERVICES_HEALTH": health,
        "OPERATOR_HEALTH_URL": f"{LOOPBACK}:{ports['gateway health']}/healthz",
        "SUBJECT_PUBLIC_KEYS": public_keys(secrets),
        "PUBLIC_URL": f"{LOOPBACK}:{ports['gateway']}",
        "FILES_DIR": str(files),
        "SMTP_URL": f"smtp://127.0.0.1:{ports['smtp']}",
        "MAIL_FROM": "ne-pas-repondre@emplois.example",
        "SITE_NAME": "Emplois de l’inclusion",
        "ENVIRONMENT_LABEL": "DEMO",
        "MAILBOX_URL": f"{LOOPBACK}:{ports['mailbox']}",
        "MAILBOX_PORT": str(ports["mailbox"]),
        "MAILBOX_SMTP_PORT": str(ports["smtp"]),
        "MAILBOX_DIRECTORY": str(directory / "mails"),
    }


def of_participant(settings, name):
    """Return what one process may know: the shared settings and its own, never another's secrets."""
    prefixes = tuple(f"{other.upper()}_" for other in (*PARTICIPANTS, "mailbox") if other != name)
    return {key: value for key, value in settings.items() if key == "MAILBOX_URL" or not key.startswith(prefixes)}


def for_process(settings):
    """Return the environment to start a process with: ours, less what belongs to another installation, plus these."""
    kept = {key: value for key, value in os.environ.items() if key in INHERITED or key.startswith("LC_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **settings}


def overrides(settings, given):
    """Return what the person who starts everything set otherwise: any setting that exists, and those with defaults."""
    prefixes = tuple(f"{name.upper()}_" for name in PARTICIPANTS)
    return {key: value for key, value in given.items() if key in settings or key == "LOG_LEVEL" or key.startswith(prefixes)}


INHERITED = {"PATH", "HOME", "LANG", "TZ", "TERM", "TMPDIR", "USER", "LOGNAME", "CI", "NO_COLOR", "PYTHONPATH"}


def write(path, settings):
    """Keep the settings for the command line: lines that a shell can read."""
    lines = [f"{key}={shlex.quote(value)}" for key, value in sorted(settings.items())]
    write_private(path, "\n".join(lines) + "\n")


def read(path):
    """Return the settings of the last start; FileNotFoundError where there was none."""
    words = shlex.split(path.read_text(), comments=True)
    return dict(word.split("=", 1) for word in words)
