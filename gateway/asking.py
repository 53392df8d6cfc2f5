"""One request's way to ask the services: who asks, until when, under which key."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from chassis.subject import Subject
from contracts.method import Method
from contracts.vocabulary import SubjectKind

VISITOR = Subject(issuer="gateway", kind=SubjectKind.VISITOR)


class Calls(Protocol):
    """What the gateway needs of a bus."""

    @property
    def is_up(self) -> bool: ...

    async def call(
        self,
        method: Method,
        subject: Subject,
        *,
        request_id: str,
        idempotency_key: str | None = None,
        deadline: float | None = None,
        **request: Any,
    ) -> Any: ...


@dataclass(frozen=True)
class Session:
    """A live session, and the token that proves it."""

    token: str
    account_id: UUID
    session_id: UUID
    kind: str
    authenticated_at: datetime
    expires_at: datetime

    @property
    def subject(self) -> Subject:
        """Who asks, in the words of the services."""
        return Subject(
            issuer="gateway",
            kind=SubjectKind(self.kind),
            account_id=self.account_id,
            session_id=self.session_id,
            authenticated_at=self.authenticated_at.timestamp(),
        )


@dataclass(frozen=True)
class Asking:
    """Calls that belong to one request: they share its deadline (Unix seconds), its id and the client's idempotency key."""

    bus: Calls
    request_id: str
    deadline: float
    idempotency_key: str | None = None
    session: Session | None = None

    @property
    def subject(self) -> Subject:
        return self.session.subject if self.session else VISITOR

    async def __call__(self, method: Method, **request: Any) -> Any:
        """One method's result, for whoever asks."""
        return await self.bus.call(
            method,
            self.subject,
            request_id=self.request_id,
            idempotency_key=self.idempotency_key if method.changes else None,
            deadline=self.deadline,
            **request,
        )

    def within(self, session: Session | None) -> "Asking":
        """The same request, asked by whom this session names."""
        return replace(self, session=session)
