"""What may become of a mail, and when it is tried again: pure functions of plain values."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from contracts.vocabulary import LinkPurpose, MailState

SHORTEST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
JITTER = 0.2  # At most a fifth more, so that mails put off together do not come back together.
GIVE_UP_AFTER = timedelta(hours=24)
SENDING = timedelta(seconds=90)  # One mail's time with the mail server, the connection that it may need included.
LEASE = timedelta(minutes=2)  # That, the two calls before it (5 s each), and the time to remember how it ended.
NAMES_KEPT_FOR = timedelta(days=30)
KEPT_FOR = timedelta(days=62)

_MAILS = UUID("6f0d3c4e-5a0e-4f0a-9f57-2b1d6f4c9a11")  # The namespace of mails' ids: any constant would do, for ever the same.

MOVES = {
    (MailState.QUEUED, "claim"): MailState.SENDING,
    (MailState.SENDING, "claim"): MailState.SENDING,  # Its lease is over: who held it died.
    (MailState.SENDING, "deliver"): MailState.SENT,
    (MailState.SENDING, "put_off"): MailState.QUEUED,
    (MailState.SENDING, "fail"): MailState.FAILED,
    (MailState.SENDING, "drop"): MailState.CANCELLED,
}


@dataclass(frozen=True)
class MailLink:
    """Which link a mail carries; the link itself is asked from its owner when the mail leaves, and stored nowhere."""

    purpose: LinkPurpose
    row_id: UUID
    issue: int


@dataclass(frozen=True)
class ClaimedMail:
    """A mail in the hands of one worker, until its lease is over."""

    mail_id: UUID
    template: str
    variables: dict[str, Any]
    recipient_account_id: UUID | None
    link: MailLink | None
    attempt_count: int
    claimed_at: datetime


class MailCannotMove(Exception):
    """A mail was asked to move from a state that has no such move."""


@dataclass(frozen=True)
class Outcome:
    """How one attempt ended: `deliver`, `put_off`, `fail` or `drop`, and why. Reasons hold no address, name or link."""

    move: str
    reason: str | None = None


DELIVERED = Outcome("deliver")


def move(state: MailState, verb: str) -> MailState:
    """The state that follows, or MailCannotMove."""
    try:
        return MOVES[state, verb]
    except KeyError:
        raise MailCannotMove(f"{state}: {verb}") from None


def mail_id(cause_id: str, template: str, recipient_account_id: UUID | None) -> UUID:
    """One mail's id, the same each time that it is made from the same cause; its Message-ID follows from it."""
    return uuid5(_MAILS, f"{cause_id}|{template}|{recipient_account_id or 'link'}")


def back_off(attempt_count: int, *, jitter: float) -> timedelta:
    """The wait after so many attempts: 30 s, doubling to an hour. `jitter` is drawn between 0 and 1."""
    doubled = SHORTEST_WAIT * 2 ** min(max(attempt_count, 1) - 1, 10)
    return min(doubled, LONGEST_WAIT / (1 + JITTER)) * (1 + JITTER * jitter)


def final_outcome(outcome: Outcome, *, queued_at: datetime, next_attempt_at: datetime) -> Outcome:
    """The outcome itself, or a failure where the next attempt would come later than a day after the mail was queued."""
    if outcome.move == "put_off" and next_attempt_at > queued_at + GIVE_UP_AFTER:
        return Outcome("fail", f"given up after 24 h: {outcome.reason}")
    return outcome
