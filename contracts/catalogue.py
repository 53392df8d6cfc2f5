"""Every method and event there is, in one place: what tests, topology, documents and permissions are computed from."""

from functools import cache

from contracts import accounts, invitations, notifications, organizations, sync
from contracts.event import Event
from contracts.method import Method

_MODULES = (accounts, organizations, invitations, notifications, sync)


def _values(kind: type) -> list:
    return [value for module in _MODULES for value in vars(module).values() if isinstance(value, kind)]


@cache
def methods() -> dict[str, Method]:
    """Methods by their name on the wire."""
    return {value.name: value for value in _values(Method)}


@cache
def events() -> dict[str, Event]:
    """Events by their name on the wire."""
    return {value.name: value for value in _values(Event)}


def methods_of(service: str) -> list[Method]:
    """What one service serves."""
    return [value for value in methods().values() if value.service == service]


def heard_by(service: str) -> dict[str, list[Event]]:
    """A service's handlers, each with the events it hears."""
    handlers: dict[str, list[Event]] = {}
    for value in events().values():
        for listener in value.heard_by:
            listening, _, handler = listener.partition(".")
            if listening == service:
                handlers.setdefault(handler, []).append(value)
    return handlers
