"""Time: the database's, read once per transaction, so that a wrong clock on one machine decides nothing.

Tests and demonstrations may shift it through a file of seconds, only where a setting names that file.
"""

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

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
