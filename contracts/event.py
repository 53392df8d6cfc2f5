"""`Event`: a fact as a value. It is written beside the change it announces, published afterwards, and heard by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from marshmallow import EXCLUDE, Schema

from contracts.fields import Record
from contracts.method import holds_secret
from contracts.vocabulary import SERVICES


class Fact(Record):
    """What an event carries. Listeners ignore what they do not know yet."""

    class Meta:
        unknown = EXCLUDE


@dataclass(frozen=True, eq=False)
class Event:
    """One kind of fact of one service.

    `heard_by` names the handlers, `service.handler`: the durable queues are computed from it, so that nothing is published
    before every listener's queue stands. `about` names the field that is the aggregate's id. `is_versioned` says that it carries
    the aggregate's whole new state, with a version that only grows: projections are made from such facts alone.
    """

    name: str
    carries: type[Schema]
    about: str
    heard_by: tuple[str, ...]
    is_versioned: bool = False

    @property
    def service(self) -> str:
        return self.name.partition(".")[0]

    @property
    def fact(self) -> str:
        return self.name.partition(".")[2]


def event(name: str, /, *, about: str, heard_by: Iterable[str] = (), is_versioned: bool = False, **carries: Any) -> Event:
    """Declare a fact. Secrets never travel in events."""
    service, _, fact = name.partition(".")
    schema = type("".join(word.capitalize() for word in fact.split("_")), (Fact,), dict(carries))
    if service not in SERVICES or about not in carries:
        raise ValueError(f"{name}: unknown service, or not about one of its fields")
    if holds_secret(schema):
        raise ValueError(f"{name}: a secret in an event")
    return Event(name=name, carries=schema, about=about, heard_by=tuple(heard_by), is_versioned=is_versioned)
