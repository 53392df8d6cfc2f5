"""Numbers for PostgreSQL's advisory locks."""

import hashlib


def lock_number(name: str) -> int:
    """A stable number for one name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
