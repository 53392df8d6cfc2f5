"""How commands ask the services: over the bus, as the operator; what goes wrong becomes one sentence and an exit status."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from rich.console import Console

from chassis import log
from chassis.call import Caller
from chassis.clock import PARIS
from chassis.settings import SettingIsMissing, read_bus_settings
from chassis.wire import CallFailed
from contracts.errors import Refusal
from contracts.method import Method

console = Console()
errors = Console(stderr=True)


def say(line: str) -> None:
    """One line, whole on any terminal: people copy ids from it."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def moment(instant: datetime) -> str:
    """An instant as people in Paris read it."""
    return f"{instant.astimezone(PARIS):%d/%m/%Y %H:%M}"


class Services:
    """The services, as the operator sees them."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def ask(self, method: Method, *, key: str | None = None, **request: Any) -> Any:
        """The result of one call; refusals are raised."""
        return self._caller.call(method, request, key=key)


@contextmanager
def services() -> Iterator[Services]:
    """A connection for one command; a refusal or an outage ends the command with its sentence."""
    log.configure("operator", "ERROR")
    try:
        caller = Caller(read_bus_settings("operator"))
    except SettingIsMissing as error:
        fail(f"{error} « make run » écrit ces réglages dans .run/env.")
    caller.start()
    try:
        yield Services(caller)
    except Refusal as refusal:
        fail(refusal.detail, *(f"{each['pointer']} : {each['detail']}" for each in refusal.facts.get("errors", [])))
    except CallFailed as failure:
        fail(f"Le service a échoué ; ses journaux en disent plus sous l'identifiant {failure.request_id}.")
    finally:
        caller.link.stop()


def fail(*lines: str) -> Any:
    """Say why and end with status 1."""
    for line in lines:
        errors.print(line, markup=False, highlight=False)
    sys.exit(1)
