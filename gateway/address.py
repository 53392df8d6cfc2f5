"""Where the broker is, and as whom the gateway comes."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True)
class Address:
    """An `amqp://` or `amqps://` URL, taken apart."""

    host: str
    port: int
    user: str
    password: str
    vhost: str
    is_encrypted: bool

    @classmethod
    def of(cls, url: str) -> "Address":
        """With AMQP's own defaults for what it does not say."""
        parts = urlsplit(url)
        is_encrypted = parts.scheme == "amqps"
        port = parts.port or (5671 if is_encrypted else 5672)
        user, password = unquote(parts.username or "guest"), unquote(parts.password or "guest")
        return cls(parts.hostname or "127.0.0.1", port, user, password, unquote(parts.path[1:]) or "/", is_encrypted)
