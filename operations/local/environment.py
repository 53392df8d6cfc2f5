"""Every setting of a local installation, as the environment of its processes."""

import os
import shlex
from pathlib import Path

from contracts.vocabulary import SERVICES
from operations.local.keys import PARTICIPANTS, TOKEN_MAKERS, public_keys, write_private

LOOPBACK = "http://127.0.0.1"
FILES = "_FILE"  # NAME_FILE names a file that holds the secret NAME.


class SettingsAreIncomplete(Exception):
    """What the environment names cannot be used; the message is a sentence that says why."""


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
    return settings | addresses(settings)


def shared(directory, secrets, ports):
    for name in ("files", "mails"):
        folder = directory / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)  # Deliveries and mails tell of people; earlier starts made these open to all.
    return {
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(ports["gateway"]),
        "GATEWAY_COOKIE_KEY": secrets["GATEWAY_COOKIE_KEY"],
        "SUBJECT_PUBLIC_KEYS": public_keys(secrets),
        "FILES_DIR": str(directory / "files"),
        "MAIL_FROM": "ne-pas-repondre@emplois.example",
        "SITE_NAME": "Emplois de l’inclusion",
        "ENVIRONMENT_LABEL": "DEMO",
        "ONE_KIND_PER_EMAIL": "true",
        "MAILBOX_PORT": str(ports["mailbox"]),
        "MAILBOX_SMTP_PORT": str(ports["smtp"]),
        "MAILBOX_DIRECTORY": str(directory / "mails"),
    }


def addresses(settings):
    """Return where processes and people find what listens on the ports of these settings."""
    health = ",".join(f"{service}={LOOPBACK}:{settings[f'{service.upper()}_HEALTH_PORT']}" for service in SERVICES)
    return {
        "GATEWAY_SERVICES_HEALTH": health,
        "OPERATOR_HEALTH_URL": f"{LOOPBACK}:{settings['GATEWAY_HEALTH_PORT']}/healthz",
        "PUBLIC_URL": f"{LOOPBACK}:{settings['GATEWAY_PORT']}",
        "SMTP_URL": f"smtp://127.0.0.1:{settings['MAILBOX_SMTP_PORT']}",
        "MAILBOX_URL": f"{LOOPBACK}:{settings['MAILBOX_PORT']}",
    }


def of_participant(settings, name):
    """Return what one process may know: the shared settings and its own, never another's secrets."""
    prefixes = tuple(f"{other.upper()}_" for other in (*PARTICIPANTS, "mailbox") if other != name)
    return {key: value for key, value in settings.items() if key == "MAILBOX_URL" or not key.startswith(prefixes)}


def for_process(settings):
    """Return the environment to start a process with: ours, less what belongs to another installation, plus these."""
    kept = {key: value for key, value in os.environ.items() if key in INHERITED or key.startswith("LC_")}
    return {**kept, "PYTHONUNBUFFERED": "1", **settings}


def overridden(settings, given):
    """Return the settings with what the person who starts everything set otherwise; addresses follow the ports."""
    chosen = chosen_of(settings, given)
    settings = settings | chosen
    return settings | addresses(settings) | chosen


def chosen_of(settings, given):
    """Return any setting given that exists, and those with defaults; what a file holds is read now, and wins."""
    prefixes = tuple(f"{name.upper()}_" for name in PARTICIPANTS)
    chosen = {key: value for key, value in given.items() if key in settings or key == "LOG_LEVEL" or key.startswith(prefixes)}
    for key in settings:
        if given.get(f"{key}{FILES}"):
            chosen[key] = setting_or_file(given, key)
            chosen.pop(f"{key}{FILES}", None)
    return chosen


def setting_or_file(settings, name):
    """Return a secret as it is given, itself or by a file that holds it; empty when it is not."""
    path = settings.get(f"{name}{FILES}")
    try:
        return Path(path).read_text().strip() if path else settings.get(name, "")
    except (OSError, ValueError) as error:
        raise SettingsAreIncomplete(f"{name}{FILES} nomme {path}, qui ne se lit pas ({type(error).__name__})") from None


INHERITED = {"PATH", "HOME", "LANG", "TZ", "TERM", "TMPDIR", "USER", "LOGNAME", "CI", "NO_COLOR", "PYTHONPATH"}


def write(path, settings):
    """Keep the settings for the command line: lines that a shell can read."""
    lines = [f"{key}={shlex.quote(value)}" for key, value in sorted(settings.items())]
    write_private(path, "\n".join(lines) + "\n")


def read(path):
    """Return the settings of the last start; FileNotFoundError where there was none."""
    words = shlex.split(path.read_text(), comments=True)
    return dict(word.split("=", 1) for word in words)
