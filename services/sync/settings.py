"""Settings of sync alone, read once from the environment."""

from functools import cache

from environs import Env

from services.sync import domain


@cache
def bad_share() -> float:
    """SYNC_BAD_SHARE: above it, from the second delivery on, a file is refused whole; 0.01 is one record in a hundred."""
    return Env().float("SYNC_BAD_SHARE", domain.BAD_SHARE)
