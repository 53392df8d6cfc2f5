"""Time: the database's, read once per transaction, so that a wrong clock on one machine decides nothing.

Deadlines between processes follow it too (`unix_now`): a service whose clock jumps neither refuses calls nor serves late ones.

Tests and demonstrations may shift it through a file of seconds, only where a setting names that file.
"""

import time
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

SLOWEST_ANSWER = 0.1  # Seconds.
PARIS = ZoneInfo("Europe/Paris")


def read_offset(path: Path | None) -> timedelta:
    """The shift asked for; none where no file is named, missing or empty."""
    if path is None:
        return timedelta()
    try:
        return timedelta(seconds=float(path.read_text(encoding="ascii").strip() or 0))
    except FileNotFoundError:
        return timedelta()


def paris_date(instant: datetime) -> date:
    """The civil date of an instant: what « the last day » means."""
    return instant.astimezone(PARIS).date()


class Wall:
    """Unix time as the database last told it, carried on by the monotonic clock; this machine's own until it has been told."""

    def __init__(self) -> None:
        self._start: float | None = None  # The Unix time at which the monotonic clock showed zero.

    def tell(self, instant: datetime, *, asked_at: float, answered_at: float) -> None:
        """The database answered this between two moments of the monotonic clock; a slow answer tells little and is left."""
        if self._start is None or answered_at - asked_at <= SLOWEST_ANSWER:
            self._start = instant.timestamp() - (asked_at + answered_at) / 2

    def unix_now(self) -> float:
        return time.time() if self._start is None else self._start + time.monotonic()


wall = Wall()  # A process has one clock.
unix_now = wall.unix_now
