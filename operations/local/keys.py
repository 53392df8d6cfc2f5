"""The secrets of one installation, made once and kept where only their owner reads."""

import base64
import json
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.vocabulary import CALLERS as PARTICIPANTS
from contracts.vocabulary import SERVICES

TOKEN_MAKERS = ("accounts", "organizations", "invitations")


def wanted():
    """Return each secret's name and what makes it."""
    makers = {"POSTGRESQL_PASSWORD": password, "ADMIN_AMQP_PASSWORD": password, "STAFF_PASSWORD": pronounceable}
    makers["GATEWAY_COOKIE_KEY"] = hexadecimal
    makers |= {f"{service.upper()}_DATABASE_PASSWORD": password for service in SERVICES}
    makers |= {f"{name.upper()}_AMQP_PASSWORD": password for name in PARTICIPANTS}
    makers |= {f"{name.upper()}_SIGNING_KEY": signing_key for name in PARTICIPANTS}
    makers |= {f"{service.upper()}_TOKEN_KEY": hexadecimal for service in TOKEN_MAKERS}
    return makers


def password():
    return secrets.token_urlsafe(24)


def pronounceable():
    """Return a password that a person can copy from the screen."""
    return "-".join(secrets.token_hex(2) for _ in range(4))


def hexadecimal():
    return secrets.token_hex(32)


def signing_key():
    return base64.b64encode(secrets.token_bytes(32)).decode()


def load_or_make(path):
    """Return all secrets by name; those of an earlier start stay, those that are new to it are made."""
    path = Path(path)
    known = json.loads(path.read_text()) if path.exists() else {}
    missing = {name: make() for name, make in wanted().items() if name not in known}
    if missing:
        known |= missing
        write_private(path, json.dumps(known, indent=1))
    return known


def write_private(path, text):
    """Write a file that only its owner reads, whole or not at all."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def public_keys(known):
    """Return every participant's public key as one setting: who may sign a subject."""
    return ",".join(f"{name}={public_key(known[f'{name.upper()}_SIGNING_KEY'])}" for name in PARTICIPANTS)


def public_key(private):
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(private))
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()
