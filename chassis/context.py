"""What one piece of work knows of its cause: who asks, by when, and what makes it happen once."""

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from chassis.clock import unix_now
from chassis.subject import Subject
from contracts.method import Method


class Guard(Protocol):
    """Makes one change happen once. `open` stops the work when it was done before; `close` remembers its result."""

    def open(self, session: Any, now: Any) -> None: ...
    def close(self, session: Any, result: dict[str, Any] | None) -> None: ...


class AlreadyDone(Exception):
    """The same cause was served before; `result` is what was answered then."""

    def __init__(self, result: dict[str, Any] | None = None) -> None:
        super().__init__("already done")
        self.result = result


class Answer(dict):
    """A result that its schema has already turned into JSON values."""


@dataclass(frozen=True)
class Context:
    """The cause of one piece of work: a call, an event, or a timer."""

    subject: Subject
    request_id: str
    cause: str  # Nested calls derive their idempotency keys from it.
    subject_token: str | None = None
    method: Method | None = None
    deadline: float | None = None  # Unix seconds.
    guard: Guard | None = field(default=None, compare=False)

    def seconds_left(self, at_most: float) -> float:
        """Time for a step of this work, in seconds."""
        return at_most if self.deadline is None else min(at_most, self.deadline - unix_now())

    def within(self, seconds: float) -> "Context":
        """The same cause, with so many seconds from now on at most."""
        return replace(self, deadline=unix_now() + self.seconds_left(seconds))

    def derived_key(self, method: Method, body: bytes) -> str:
        """The idempotency key of a nested call: the same when the same cause is served again."""
        return hashlib.sha256(f"{self.cause}|{method.name}|".encode() + body).hexdigest()

    def without_person(self) -> "Context":
        """The same cause, in the service's own name."""
        return replace(self, subject_token=None)
