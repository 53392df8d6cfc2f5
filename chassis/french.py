"""Dates and numbers as French people read them, on pages and in mails alike; dates are those of Paris."""

from datetime import datetime

from chassis.clock import PARIS

NO_BREAK = "\N{NO-BREAK SPACE}"
_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)


def date_in_words(instant: datetime) -> str:
    """« 8 décembre 2026 »."""
    local = instant.astimezone(PARIS)
    return f"{'1er' if local.day == 1 else local.day} {_MONTHS[local.month - 1]} {local.year}"


def instant_in_words(instant: datetime) -> str:
    """« mardi 8 décembre 2026 à 14 h 05 »."""
    local = instant.astimezone(PARIS)
    return f"{_DAYS[local.weekday()]} {date_in_words(instant)} à {local.hour} h {local.minute:02}"


def siret_in_groups(siret: str) -> str:
    """« 123 456 789 00012 », kept on one line."""
    return NO_BREAK.join((siret[:3], siret[3:6], siret[6:9], siret[9:]))
