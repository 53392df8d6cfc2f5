"""The gateway's settings, read once from the environment into a frozen value."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from environs import Env

from chassis.settings import read_bus_settings, secret

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Settings:
    """What the gateway needs; every one has a usable default but keys and the broker's address."""

    amqp_url: str = field(repr=False)
    signing_key: Ed25519PrivateKey = field(repr=False)  # Signs who asks.
    cookie_key: bytes = field(repr=False)  # Signs what forms carry against forgery.
    host: str = "127.0.0.1"
    port: int = 8000
    health_host: str = "127.0.0.1"
    health_port: int = 8080
    services_health: dict[str, str] = field(default_factory=dict)  # Base address of each service's health port.
    public_url: str = "http://127.0.0.1:8000"  # Base of links and the only accepted origin; never taken from a request.
    mailbox_url: str = ""  # Only on a developer's machine: the front page links to it.
    site_name: str = "Les emplois de l'inclusion"
    environment_label: str = ""
    insecure_cookies: bool = False  # True only over plain http on a loopback address.
    most_in_flight: int = 200  # Requests being answered at once, their bodies received; above it 503.
    largest_body: int = 64 * 1024  # Bytes; thirty invitations with the longest names fit.
    most_bodies: int = 500  # Bodies being received at once; above it the oldest is given up.
    most_body_bytes: int = 8 * 1024 * 1024  # Held of all these bodies; above it the oldest is given up.
    body_seconds: float = 5.0  # To receive a whole body.
    header_seconds: float = 5.0  # To receive all headers.
    write_seconds: float = 10.0  # For a client to read what fills its connection; then it is cut.
    log_level: str = "INFO"

    @property
    def origin(self) -> str:
        """What browsers send as Origin from our own pages."""
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def session_cookie(self) -> str:
        return self.cookie("session")

    def cookie(self, name: str) -> str:
        """A cookie's full name: browsers keep `__Host-` ones for this very host, over TLS."""
        return name if self.insecure_cookies else f"__Host-{name}"


def is_plain_loopback(url: str) -> bool:
    """Whether pages are served over plain http to this very machine: where Secure cookies could not be kept."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def read_settings() -> Settings:
    """The settings of this process."""
    env, bus = Env(), read_bus_settings("gateway")
    public_url = env.str("PUBLIC_URL", Settings.public_url).rstrip("/")
    return Settings(
        amqp_url=bus.amqp_url,
        signing_key=bus.signing_key,
        cookie_key=bytes.fromhex(secret(env, "GATEWAY_COOKIE_KEY")),
        host=env.str("GATEWAY_HOST", Settings.host),
        port=env.int("GATEWAY_PORT", Settings.port),
        health_host=env.str("GATEWAY_HEALTH_HOST", Settings.health_host),
        health_port=env.int("GATEWAY_HEALTH_PORT", Settings.health_port),
        services_health=env.dict("GATEWAY_SERVICES_HEALTH", {}),
        public_url=public_url,
        mailbox_url=env.str("MAILBOX_URL", ""),
        site_name=env.str("SITE_NAME", Settings.site_name),
        environment_label=env.str("ENVIRONMENT_LABEL", ""),
        insecure_cookies=env.bool("GATEWAY_INSECURE_COOKIES", is_plain_loopback(public_url)),
        most_in_flight=env.int("GATEWAY_MOST_IN_FLIGHT", Settings.most_in_flight),
        largest_body=env.int("GATEWAY_LARGEST_BODY", Settings.largest_body),
        most_bodies=env.int("GATEWAY_MOST_BODIES", Settings.most_bodies),
        most_body_bytes=env.int("GATEWAY_MOST_BODY_BYTES", Settings.most_body_bytes),
        body_seconds=env.float("GATEWAY_BODY_SECONDS", Settings.body_seconds),
        header_seconds=env.float("GATEWAY_HEADER_SECONDS", Settings.header_seconds),
        write_seconds=env.float("GATEWAY_WRITE_SECONDS", Settings.write_seconds),
        log_level=env.str("LOG_LEVEL", Settings.log_level),
    )
