"""`@serves(method)`: an entrypoint that answers one method of the contract.

A call past its deadline is not executed; one from an undeclared caller, or with a forged subject, is refused before any work.
"""

import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from nameko.extensions import Entrypoint

from chassis import log, metrics
from chassis.context import AlreadyDone, Answer, Context
from chassis.guards import OncePerKey
from chassis.host import Shares
from chassis.wire import (
    CallHeaders,
    UnreadableMessage,
    decode,
    dump_result,
    load_request,
    reply_failure,
    reply_refusal,
    reply_result,
)
from contracts.errors import Forbidden, Invalid, Refusal, Unavailable
from contracts.method import Method
from contracts.vocabulary import SubjectKind

_log = log.get()


class CallerIsNotDeclared(Forbidden):
    """Cet appel n'est pas permis à ce service."""


class ServiceIsBusy(Unavailable):
    """Le service est très sollicité ; réessayez dans quelques instants."""


class KeyIsMissing(Invalid):
    """Il manque une clé d'idempotence."""


@dataclass(frozen=True)
class _Taken:
    """A request in hand."""

    message: Any
    headers: CallHeaders
    at: float = field(default_factory=time.monotonic)


class Serves(Shares, Entrypoint):
    """Binds a `Method` to a service's Python method of the same name."""

    def __init__(self, method: Method, **kwargs: Any) -> None:
        self.method = method
        super().__init__(**kwargs)

    def setup(self) -> None:
        self.host.prepare()
        self.host.serving[self.method.name] = self

    def stop(self) -> None:
        self.host.quiet()

    def take(self, message: Any) -> None:
        """Check a request and give it to a worker; or answer at once why not."""
        raw = _body(message)
        try:
            headers = CallHeaders.from_wire(message.headers)
        except UnreadableMessage as error:
            self._drop(message, error)
            return
        if headers.seconds_left() <= 0:
            metrics.calls_expired.labels(method=self.method.name).inc()
            _log.info("call_expired", method=self.method.name, request_id=headers.request_id)
            self.host.ack(message)
            return
        taken = _Taken(message, headers)
        if self.host.admission.refuses(seconds_waited=headers.seconds_waited(), is_full=self.host.is_full):
            metrics.calls_shed.labels(method=self.method.name).inc()
            self._answer(taken, reply_refusal(ServiceIsBusy()), ServiceIsBusy.kind)
            return
        try:
            context, request = self._admit(message, headers, raw)
        except UnreadableMessage as error:
            self._drop(message, error)
        except Refusal as refusal:
            _log.info("call_refused", method=self.method.name, refusal=type(refusal).__name__, request_id=headers.request_id)
            self._answer(taken, reply_refusal(refusal), refusal.kind)
        else:
            done = partial(self._done, taken)
            self.container.spawn_worker(self, (), request, context_data={"context": context}, handle_result=done)

    def _admit(self, message: Any, headers: CallHeaders, raw: bytes) -> tuple[Context, dict[str, Any]]:
        properties = message.properties
        if properties.get("user_id") not in self.method.callers:  # Validated by the broker: it is who is connected.
            raise CallerIsNotDeclared()
        body = decode(properties.get("content_type"), raw)
        subject = self.host.verifier.verify(headers.subject)
        request = load_request(self.method, body)
        if self.method.changes and not headers.idempotency_key:
            raise KeyIsMissing()
        key = headers.idempotency_key or headers.request_id
        guard = OncePerKey(self.method.name, subject.name, key, raw) if self.method.keeps_result else None
        context = Context(
            subject=subject,
            request_id=headers.request_id,
            cause=f"{self.method.name}|{subject.name}|{key}",
            subject_token=headers.subject if subject.kind != SubjectKind.SERVICE else None,
            method=self.method,
            deadline=headers.deadline,
            guard=guard,
        )
        return context, request

    def _done(self, taken: "_Taken", worker: Any, result: Any, exc_info: Any) -> tuple[Any, Any]:
        try:
            body, outcome = self._reply(taken.headers, result, exc_info[1] if exc_info else None)
        except Exception as error:  # A result that its schema cannot write: nothing after the work may end the process.
            _log.error("reply_failed", method=self.method.name, **log.describe(error))
            body, outcome = reply_failure(taken.headers.request_id), "failure"
        self._answer(taken, body, outcome)
        return None, None

    def _reply(self, headers: CallHeaders, result: Any, error: Exception | None) -> tuple[bytes, str]:
        if isinstance(error, AlreadyDone):
            return reply_result(error.result), "repeated"
        if isinstance(error, Refusal):
            _log.info("refused", method=self.method.name, refusal=type(error).__name__, request_id=headers.request_id)
            return reply_refusal(error), error.kind
        if error is not None:
            _log.error("call_failed", method=self.method.name, request_id=headers.request_id, **log.describe(error))
            return reply_failure(headers.request_id), "failure"
        answer = result if isinstance(result, Answer) else dump_result(self.method, result)
        return reply_result(answer), "result"

    def _answer(self, taken: "_Taken", body: bytes, outcome: str) -> None:
        properties = taken.message.properties
        metrics.calls_served.labels(method=self.method.name, outcome=outcome).inc()
        metrics.call_seconds.labels(method=self.method.name).observe(time.monotonic() - taken.at)
        if properties.get("reply_to"):
            self.host.caller.reply(properties["reply_to"], properties.get("correlation_id", ""), body)
        self.host.ack(taken.message)

    def _drop(self, message: Any, error: UnreadableMessage) -> None:
        metrics.messages_unreadable.labels(queue=f"{self.method.service}.calls").inc()
        _log.warning("call_unreadable", method=self.method.name, reason=str(error))
        if message.properties.get("reply_to"):
            refusal = Invalid("La demande est illisible.", reason=str(error))
            self.host.caller.reply(
                message.properties["reply_to"], message.properties.get("correlation_id", ""), reply_refusal(refusal)
            )
        self.host.ack(message)


def _body(message: Any) -> bytes:
    body = message.body
    return body.encode("utf-8", "surrogateescape") if isinstance(body, str) else bytes(body)


serves = Serves.decorator
