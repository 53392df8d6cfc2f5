"""How code binds the contracts: entrypoints read from the service classes, uses of methods read from the source."""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from nameko.extensions import ENTRYPOINT_EXTENSIONS_ATTR

from chassis.inbox import Handles
from chassis.serve import Serves
from contracts import catalogue
from contracts.method import Method
from contracts.vocabulary import SERVICES
from tests.architecture.tree import Source


def service_class(service: str) -> type:
    """The class that serves, found as the chassis finds it."""
    module = importlib.import_module(f"services.{service}.service")
    return next(value for value in vars(module).values() if isinstance(value, type) and getattr(value, "name", None) == service)


def service_classes() -> dict[str, type]:
    return {service: service_class(service) for service in SERVICES}


def entrypoints(cls: type, kind: type) -> Iterator[tuple[Callable[..., Any], Any]]:
    """Each function of a service class with its entrypoint of this kind."""
    for _, function in inspect.getmembers(cls, inspect.isfunction):
        for extension in getattr(function, ENTRYPOINT_EXTENSIONS_ATTR, ()):
            if isinstance(extension, kind):
                yield function, extension


def served(cls: type) -> list[tuple[str, Method]]:
    """(name in Python, method) of each operation."""
    return [(function.__name__, extension.method) for function, extension in entrypoints(cls, Serves)]


def handled(cls: type) -> dict[str, set[str]]:
    """Handlers, each with the events it hears."""
    return {function.__name__: {event.name for event in extension.events} for function, extension in entrypoints(cls, Handles)}


def contract_modules() -> list[ModuleType]:
    return [importlib.import_module(f"contracts.{service}") for service in SERVICES]


def method_names() -> dict[str, str]:
    """How source code spells each method: `contracts.accounts.log_in` for `accounts.log_in`."""
    spelt = {}
    for module in contract_modules():
        for name, value in vars(module).items():
            if isinstance(value, Method):
                spelt[f"{module.__name__}.{name}"] = value.name
    return spelt


def uses(sources: list[Source]) -> dict[str, str]:
    """Methods that the code names, each with one place where it does."""
    spelt = method_names()
    found: dict[str, str] = {}
    for source in sources:
        for node in source.nodes:
            name = source.dotted(node) if isinstance(node, ast.Attribute | ast.Name) else ""
            if name in spelt:
                found.setdefault(spelt[name], source.at(node))
    return found


def every_method() -> list[Method]:
    return list(catalogue.methods().values())
