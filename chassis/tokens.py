"""Tokens in links: derived, so that a retry gives the same link and only hashes rest at the owner's.

A token is HMAC-SHA-256 of (purpose, row, issue) under the service's key: 256 bits that nobody without the key can guess.
"""

import base64
import hashlib
import hmac
import secrets
from uuid import UUID


def derive_token(key: bytes, purpose: str, row_id: UUID, issue: int) -> str:
    """The token of one issue of one row, base64url without padding."""
    message = f"{purpose}|{row_id}|{issue}".encode("ascii")
    return base64.urlsafe_b64encode(hmac.digest(key, message, "sha256")).rstrip(b"=").decode("ascii")


def random_token() -> str:
    """256 random bits, base64url: for sessions, which nobody needs to derive again."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
