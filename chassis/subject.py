"""Who asks: claims signed by who established them, checked by each service.

Format: base64url(JSON) + "." + base64url(Ed25519 signature over the first part), without padding. Each issuer has its own key;
services hold public keys only. Only the gateway may speak for people; every other issuer speaks for itself.
"""

import base64
import binascii
import math
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chassis.clock import unix_now
from contracts.errors import Forbidden, Unauthenticated
from contracts.vocabulary import SubjectKind

TOKEN_SECONDS = 5  # For so long one signature serves.
KEPT_TOKENS = 1024


class SubjectIsNotValid(Forbidden):
    """L'identité jointe à la demande n'est pas valable."""


@dataclass(frozen=True)
class Subject:
    """Who asks. `issuer` is a participant; `account_id` is empty for visitors and services."""

    issuer: str
    kind: SubjectKind
    account_id: UUID | None = None
    session_id: UUID | None = None
    authenticated_at: float | None = None  # Unix seconds.

    @property
    def is_staff(self) -> bool:
        return self.kind == SubjectKind.STAFF

    def is_service(self, name: str) -> bool:
        """Whether this participant asks on its own behalf."""
        return self.kind == SubjectKind.SERVICE and self.issuer == name

    def require_account(self) -> UUID:
        """The account that asks, or Unauthenticated."""
        if self.account_id is None:
            raise Unauthenticated()
        return self.account_id

    @property
    def name(self) -> str:
        """A stable text for keys and audit: `account:<id>`, `service:<issuer>` or `visitor`."""
        if self.account_id is not None:
            return f"account:{self.account_id}"
        return f"service:{self.issuer}" if self.kind == SubjectKind.SERVICE else "visitor"


def service_subject(issuer: str) -> Subject:
    """A participant on its own behalf: a timer, a handler, an operator's command."""
    return Subject(issuer=issuer, kind=SubjectKind.SERVICE)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def read_private_key(text: str) -> Ed25519PrivateKey:
    """A private key from base64 of its 32 raw bytes."""
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text))


def read_public_keys(text: str) -> dict[str, Ed25519PublicKey]:
    """Public keys from `issuer=base64,issuer=base64`."""
    pairs = (pair.split("=", 1) for pair in text.split(",") if pair.strip())
    return {issuer.strip(): Ed25519PublicKey.from_public_bytes(base64.b64decode(key)) for issuer, key in pairs}


def sign(claims: dict[str, Any], key: Ed25519PrivateKey) -> str:
    """Claims and their signature in one string."""
    part = _encode(orjson.dumps(claims))
    return f"{part}.{_encode(key.sign(part.encode('ascii')))}"


def verify(token: str, keys: dict[str, Ed25519PublicKey], *, at: float | None = None) -> dict[str, Any]:
    """The claims, if their issuer signed them and they have not expired; `at` is in Unix seconds."""
    try:
        part, _, signature = token.partition(".")
        claims = orjson.loads(_decode(part))
        keys[claims["iss"]].verify(_decode(signature), part.encode("ascii"))
        if float(claims["exp"]) < (unix_now() if at is None else at):
            raise SubjectIsNotValid()
    except (ValueError, KeyError, TypeError, binascii.Error, InvalidSignature):
        raise SubjectIsNotValid() from None
    return claims


def sign_subject(subject: Subject, key: Ed25519PrivateKey, *, expires_at: float) -> str:
    """A subject as it travels; `expires_at` in Unix seconds is the call's deadline."""
    claims = {
        "iss": subject.issuer,
        "kind": subject.kind,
        "account_id": str(subject.account_id) if subject.account_id else None,
        "session_id": str(subject.session_id) if subject.session_id else None,
        "authenticated_at": subject.authenticated_at,
        "exp": expires_at,
    }
    return sign(claims, key)


class Signer:
    """Signs for one participant. One signature serves all calls of a subject for a few seconds: it costs as much as sending."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._signed = lru_cache(maxsize=KEPT_TOKENS)(partial(_signed, key))

    def sign(self, subject: Subject, *, expires_at: float) -> str:
        """A subject as it travels, valid until `expires_at` (Unix seconds) and a few seconds more at most."""
        return self._signed(subject, math.ceil(expires_at / TOKEN_SECONDS) * TOKEN_SECONDS)


def _signed(key: Ed25519PrivateKey, subject: Subject, expires_at: float) -> str:
    return sign_subject(subject, key, expires_at=expires_at)


class Verifier:
    """Checks subjects; the signature of one that comes again is not computed again, its expiry is."""

    def __init__(self, keys: dict[str, Ed25519PublicKey]) -> None:
        self._known = lru_cache(maxsize=KEPT_TOKENS)(partial(_verified, keys))

    def verify(self, token: str) -> Subject:
        """Who asks; as `verify_subject`."""
        subject, expires_at = self._known(token)
        if expires_at < unix_now():
            raise SubjectIsNotValid()
        return subject


def _verified(keys: dict[str, Ed25519PublicKey], token: str) -> tuple[Subject, float]:
    claims = verify(token, keys)
    return _subject(claims), float(claims["exp"])


def verify_subject(token: str, keys: dict[str, Ed25519PublicKey]) -> Subject:
    """Who asks; SubjectIsNotValid when forged, expired, or when a service claims to be a person."""
    return _subject(verify(token, keys))


def _subject(claims: dict[str, Any]) -> Subject:
    try:
        subject = Subject(
            issuer=claims["iss"],
            kind=SubjectKind(claims["kind"]),
            account_id=UUID(claims["account_id"]) if claims["account_id"] else None,
            session_id=UUID(claims["session_id"]) if claims["session_id"] else None,
            authenticated_at=claims["authenticated_at"],
        )
    except (KeyError, ValueError, TypeError):
        raise SubjectIsNotValid() from None
    if (subject.kind == SubjectKind.SERVICE) == (subject.issuer == "gateway"):
        raise SubjectIsNotValid()
    return subject
