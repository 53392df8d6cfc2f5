"""How commands ask the services: over the bus, as the operator; what goes wrong becomes one sentence and an exit status."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

from rich.console import Console

from chassis import log
from chassis.call import Caller
from chassis.clock import PARIS
from chassis.settings import SettingIsMissing, read_bus_settings
from chassis.wire import CallFailed
from contracts.errors import Refusal, Unavailable
from contracts.method import Method
from operations.statuses import FAILED

PATIENCE = 60.0  # Seconds that an outage is waited out: services restart within that.
RETRY_SECONDS = 1.0
PIPED_WIDTH = 10_000  # Columns: a file or a pipe has no edge to wrap at.

console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
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

    def ask_patiently(self, method: Method, *, key: str | None = None, **request: Any) -> Any:
        """The result of one call, asked again through an outage, which the operator is told of; after a minute it is raised."""
        key, since = key or uuid4().hex, 0.0  # One key: what was done though its answer was lost is not done twice.
        while True:
            try:
                return self.ask(method, key=key, **request)
            except Unavailable:
                now = time.monotonic()
                if not since:
                    since = now
                    say(f"Le service ne répond pas : nouveaux essais pendant {PATIENCE:.0f} secondes…")
                if now - since >= PATIENCE:
                    raise
            time.sleep(RETRY_SECONDS)


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


def fail(*lines: str, status: int = FAILED) -> Any:
    """Say why and end with that status."""
    for line in lines:
        errors.print(line, markup=False, highlight=False, soft_wrap=True)
    sys.exit(status)
