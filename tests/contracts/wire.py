"""Everything that other processes and stored messages know by name: `python -m tests.contracts.wire` writes wire.txt.

A field may be added, as optional; anything else that changes there breaks a running system, unless a release prepared it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kombu import Queue
from marshmallow import Schema
from marshmallow import fields as ma

from chassis import serve, topology
from contracts import catalogue
from contracts.errors import Refusal
from contracts.event import Event
from contracts.fields import Secret, Text
from contracts.method import Method
from contracts.vocabulary import SERVICES

WIRE = Path(__file__).with_name("wire.txt")
HEADER = "Names that have left the process; a difference here is a decision. Written by: python -m tests.contracts.wire"


class TwoRecordsShareAName(Exception):
    """Two records of one name differ: the list could not tell them apart."""


def listing() -> str:
    """The whole list, sorted."""
    methods = sorted(catalogue.methods().values(), key=lambda one: one.name)
    events = sorted(catalogue.events().values(), key=lambda one: one.name)
    blocks = [
        [HEADER],
        ["# methods"],
        *map(method_lines, methods),
        ["# events"],
        *map(event_lines, events),
        ["# records"],
        *record_blocks(methods, events),
        ["# queues", *sorted(queue_lines())],
        ["# refusals", *sorted(refusal_lines())],
    ]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def method_lines(method: Method) -> list[str]:
    """One method: what it takes and gives, who calls it, what it refuses."""
    lines = [f"{method.name}{' changes' if method.changes else ''} within {method.deadline:g} s"]
    lines += [f"  takes {line}" for line in field_lines(method.takes)]
    if method.gives:
        shape = method.gives.__name__
        lines += [f"  gives {line}" for line in field_lines(method.gives)] if shape.endswith("Reply") else [f"  gives {shape}"]
    for word, names in (
        ("callers", method.callers),
        ("calls", method.calls),
        ("refuses", {one.__name__ for one in method.refuses}),
    ):
        lines += [f"  {word} {' '.join(sorted(names))}"] if names else []
    return lines


def event_lines(event: Event) -> list[str]:
    """One event: what it carries, which handlers hear it."""
    heard = [f"  heard by {' '.join(sorted(event.heard_by))}"] if event.heard_by else []
    return [f"{event.name} about {event.about}", *(f"  carries {line}" for line in field_lines(event.carries)), *heard]


def field_lines(schema: type[Schema]) -> list[str]:
    return [f"{name}: {type_of(field)}" for name, field in sorted(schema._declared_fields.items())]


def type_of(field: ma.Field) -> str:
    """A field's type as a word, with what a caller may leave out."""
    return _word(field) + (" or null" if field.allow_none else "") + ("" if field.required else ", may be absent")


def _word(field: ma.Field) -> str:
    if isinstance(field, ma.List):
        return f"[{type_of(field.inner)}]"
    if isinstance(field, ma.Nested):
        return field.nested.__name__  # type: ignore[union-attr]
    name = type(field).__name__
    if isinstance(field, ma.Enum):
        return f"{name}({'|'.join(str(one.value) for one in field.enum)})"
    return f"{name}({field.longest})" if isinstance(field, Text | Secret) else name


def record_blocks(methods: list[Method], events: list[Event]) -> list[list[str]]:
    """The records that others hold or that are given whole, each told once."""
    told: dict[str, list[str]] = {}
    for value in [*methods, *events]:
        for schema in _records_of(value):
            lines = [schema.__name__, *(f"  {line}" for line in field_lines(schema))]
            if told.setdefault(schema.__name__, lines) != lines:
                raise TwoRecordsShareAName(schema.__name__)
    return [told[name] for name in sorted(told)]


def _records_of(value: Method | Event) -> Iterator[type[Schema]]:
    if isinstance(value, Event):
        yield from _nested(value.carries)
        return
    yield from _nested(value.takes)
    if value.gives:
        yield from [] if value.gives.__name__.endswith("Reply") else [value.gives]
        yield from _nested(value.gives)


def _nested(schema: type[Schema]) -> Iterator[type[Schema]]:
    for field in schema._declared_fields.values():
        inner: Any = field.inner if isinstance(field, ma.List) else field
        if isinstance(inner, ma.Nested):
            yield inner.nested  # type: ignore[misc]
            yield from _nested(inner.nested)  # type: ignore[arg-type]


def queue_lines() -> Iterator[str]:
    """Durable queues with their arguments and bindings, and exchanges."""
    for exchange in (
        topology.calls,
        topology.replies,
        *map(topology.events_exchange, SERVICES),
        *map(topology.dead_letters, SERVICES),
    ):
        yield f"exchange {exchange.name} {exchange.type}"
    for service in SERVICES:
        queues = [topology.calls_queue(service), topology.dead_queue(service)]
        for handler, events in catalogue.heard_by(service).items():
            queues += topology.handler_queues(f"{service}.{handler}", events)
        yield from map(_queue_line, queues)


def _queue_line(queue: Queue) -> str:
    arguments = "".join(f" {key}={value}" for key, value in sorted((queue.queue_arguments or {}).items()))
    return f"queue {queue.name} from {queue.exchange.name} {queue.routing_key}{arguments}"


def refusal_lines() -> Iterator[str]:
    """Named refusals that contracts and chassis may answer."""
    assert serve  # Imported for the refusals that it and what it imports declare.
    for name, refusal in Refusal.named.items():
        if refusal.__module__.partition(".")[0] in ("contracts", "chassis"):
            yield f"{name} {refusal.kind}"


def main() -> int:
    """Write the list, and say whether it changed."""
    before, after = WIRE.read_text(encoding="utf-8") if WIRE.exists() else "", listing()
    WIRE.write_text(after, encoding="utf-8")
    print("wire.txt: unchanged" if before == after else "wire.txt: changed; read the difference before you commit it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
