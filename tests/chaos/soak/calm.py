"""Waiting until all that was begun has ended, and how long that took."""

import time

import psycopg

from contracts.vocabulary import SERVICES
from operations.local import programs
from tests.chaos.soak.evidence import database, queues

BAR = 60  # Seconds; three times that is the time-out.
COUNTS = {
    "unpublished": (SERVICES, "SELECT count(*) AS n FROM outbox WHERE published_at IS NULL"),
    "waiting": (SERVICES, "SELECT count(*) AS n FROM parked WHERE state IN ('waiting', 'alone')"),
    "accepting": (("invitations",), "SELECT count(*) AS n FROM invitations WHERE state = 'accepting'"),
    "joining": (
        ("accounts",),
        "SELECT count(*) AS n FROM accounts WHERE email_confirmed_at IS NOT NULL AND join_state = 'remembered'",
    ),
}
MAILS = {"mails": (("notifications",), "SELECT count(*) AS n FROM mails WHERE next_attempt_at IS NOT NULL")}


class NotDrained(AssertionError):
    """Something is still under way; the message counts it."""


def drain(servers, stack):
    """Wait until no event, call or story is under way; return the seconds."""
    return seconds_until_nothing(lambda: left(stack, COUNTS) or in_queues(servers, stack) or not_ready(stack))


def drain_mails(stack):
    """Wait until each mail has come to its end; return the seconds."""
    return seconds_until_nothing(lambda: left(stack, MAILS))


def seconds_until_nothing(count):
    began, seen = time.monotonic(), None
    while (seconds := time.monotonic() - began) < 3 * BAR:
        try:
            seen = count()
        except psycopg.OperationalError as error:
            seen = {"database": str(error)}
        if not seen:
            return seconds  # When this look began: the broker's own command takes some.
        time.sleep(0.3)
    raise NotDrained(f"after {3 * BAR} s: {seen}")


def left(stack, counts):
    """What is not at its end, by name and service."""
    found = {}
    for name, (services, statement) in counts.items():
        for service in services:
            with database(stack, service) as connection:
                found[f"{name} in {service}"] = connection.execute(statement).fetchone()["n"]
    return {name: count for name, count in found.items() if count}


def in_queues(servers, stack):
    return {name: messages for name, messages, _ in queues(servers, stack) if messages}


def not_ready(stack):
    return {name: "not ready" for name, one in stack.programs.items() if not programs.is_ready(one.ready_url)}
