"""Settings of a service: read once from the environment into a frozen value; each secret also from the file NAME_FILE names."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from environs import Env

from chassis.subject import read_private_key, read_public_keys
from contracts import catalogue

TOKEN_KEY_BYTES = 32


class SettingIsMissing(RuntimeError):
    """A setting has no usable default and was not given, or not as it must be."""


def secret(env: Env, name: str, default: str | None = None) -> str:
    """A setting's text, from NAME or from the file that NAME_FILE names."""
    path = env.str(f"{name}_FILE", None)
    value = Path(path).read_text(encoding="utf-8").strip() if path else env.str(name, default)
    if value is None:
        raise SettingIsMissing(f"Set {name} or {name}_FILE.")
    return value


@dataclass(frozen=True)
class BusSettings:
    """What any participant of the bus needs. `amqp_url` holds a password, the keys are secret: none is ever printed."""

    name: str
    amqp_url: str = field(repr=False)
    signing_key: Ed25519PrivateKey = field(repr=False)


@dataclass(frozen=True)
class ServiceSettings(BusSettings):
    """What a service needs, with usable defaults where there can be one."""

    database_url: str = field(repr=False)
    public_keys: dict[str, Ed25519PublicKey]
    token_key: bytes | None = field(repr=False)  # Links are derived from it; only services that mail links have one.
    public_url: str  # Links in mails start with it; never taken from a request.
    health_host: str
    health_port: int
    files_dir: Path  # Where the files port keeps what was uploaded.
    smtp_url: str = field(repr=False)
    mail_from: str
    site_name: str
    environment_label: str  # Prefixes the subjects of mails; empty in production.
    one_kind_per_email: bool  # An employer and a prescriber are two people; or, where false, one person may be both.
    clock_offset_file: Path | None  # Tests only: seconds to add to the clock; None refuses any shift.
    max_workers: int
    log_level: str


def read_bus_settings(name: str) -> BusSettings:
    """The settings of a caller without a database."""
    env, prefix = Env(), name.upper()
    return BusSettings(
        name=name,
        amqp_url=secret(env, f"{prefix}_AMQP_URL"),
        signing_key=read_private_key(secret(env, f"{prefix}_SIGNING_KEY")),
    )


def read_service_settings(name: str) -> ServiceSettings:
    """The settings of one service."""
    env, prefix = Env(), name.upper()
    bus = read_bus_settings(name)
    return ServiceSettings(
        name=name,
        amqp_url=bus.amqp_url,
        signing_key=bus.signing_key,
        database_url=read_database_url(name),
        public_keys=read_public_keys(secret(env, "SUBJECT_PUBLIC_KEYS")),
        token_key=_read_token_key(env, name),
        public_url=env.str("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/"),
        health_host=env.str(f"{prefix}_HEALTH_HOST", "127.0.0.1"),
        health_port=env.int(f"{prefix}_HEALTH_PORT", 8080),
        files_dir=env.path("FILES_DIR", Path("files")),
        smtp_url=secret(env, "SMTP_URL", "smtp://127.0.0.1:25"),
        mail_from=env.str("MAIL_FROM", "noreply@emplois.example"),
        site_name=env.str("SITE_NAME", "Les emplois de l'inclusion"),
        environment_label=env.str("ENVIRONMENT_LABEL", ""),
        one_kind_per_email=env.bool("ONE_KIND_PER_EMAIL", True),
        clock_offset_file=env.path("CLOCK_OFFSET_FILE", None),
        max_workers=env.int(f"{prefix}_MAX_WORKERS", 10),
        log_level=env.str("LOG_LEVEL", "INFO"),
    )


def _read_token_key(env: Env, name: str) -> bytes | None:
    """Refused when too short: whoever guesses it makes links."""
    if f"{name}.get_mail_link" not in catalogue.methods():
        return None
    text = secret(env, f"{name.upper()}_TOKEN_KEY")
    if not re.fullmatch(f"([0-9a-fA-F]{{2}}){{{TOKEN_KEY_BYTES},}}", text):
        raise SettingIsMissing(f"{name.upper()}_TOKEN_KEY must be {TOKEN_KEY_BYTES} bytes or more, in hexadecimal.")
    return bytes.fromhex(text)


def read_database_url(name: str) -> str:
    """One service's database, alone: what migrations need."""
    return secret(Env(), f"{name.upper()}_DATABASE_URL")
