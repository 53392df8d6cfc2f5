"""`Method`: an operation as a value, declared once; services bind it, the gateway routes to it, documents follow from it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import Schema
from marshmallow import fields as ma

from contracts.errors import Refusal
from contracts.fields import Record, Secret, record
from contracts.vocabulary import CALLERS, SERVICES


def _shape(name: str, declared: Mapping[str, Any] | type[Schema] | None) -> type[Schema] | None:
    if declared is None or isinstance(declared, type):
        return declared
    return record(name, **declared)


def _camel(verb: str) -> str:
    return "".join(word.capitalize() for word in verb.split("_"))


def holds_secret(schema: type[Schema] | None) -> bool:
    """Whether a record holds a secret, however deep."""
    if schema is None:
        return False
    return any(_is_secret(field) for field in schema._declared_fields.values())


def _is_secret(field: ma.Field) -> bool:
    if isinstance(field, ma.List):
        return _is_secret(field.inner)
    if isinstance(field, ma.Nested):
        return holds_secret(field.nested if isinstance(field.nested, type) else None)  # type: ignore[arg-type]
    return isinstance(field, Secret)


@dataclass(frozen=True, eq=False)
class Method:
    """One operation of one service.

    `deadline` is in seconds, from the caller's call to its answer. `changes` says that it writes: then a call carries an
    idempotency key. `is_repeatable` says that doing it again does no harm, so that no result is kept for its key. `calls`
    names the methods that it calls while it is served.
    """

    name: str
    takes: type[Schema]
    gives: type[Schema] | None
    callers: frozenset[str]
    changes: bool
    is_repeatable: bool
    refuses: tuple[type[Refusal], ...]
    calls: frozenset[str]
    deadline: float

    @property
    def service(self) -> str:
        return self.name.partition(".")[0]

    @property
    def verb(self) -> str:
        return self.name.partition(".")[2]

    @property
    def keeps_result(self) -> bool:
        """Whether the result is kept to answer a repeated call: never when it holds a secret."""
        return self.changes and not self.is_repeatable and not holds_secret(self.gives)


def method(
    name: str,
    *,
    takes: Mapping[str, Any] | type[Schema] | None = None,
    gives: Mapping[str, Any] | type[Schema] | None = None,
    callers: Iterable[str],
    changes: bool = False,
    is_repeatable: bool = False,
    refuses: Iterable[type[Refusal]] = (),
    calls: Iterable[str] = (),
    deadline: float = 5.0,
) -> Method:
    """Declare an operation; fields given as a mapping become a record named after it."""
    service, _, verb = name.partition(".")
    unknown = (set(callers) - set(CALLERS)) | ({service} - set(SERVICES))
    if unknown or not verb:
        raise ValueError(f"{name}: unknown participants {sorted(unknown)}")
    title = _camel(verb)
    return Method(
        name=name,
        takes=_shape(f"{title}Request", takes or {}) or Record,
        gives=_shape(f"{title}Reply", gives),
        callers=frozenset(callers),
        changes=changes,
        is_repeatable=is_repeatable,
        refuses=tuple(refuses),
        calls=frozenset(calls),
        deadline=deadline,
    )
