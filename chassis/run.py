"""Start one service: `python -m chassis.run accounts`. Patches first, then reads the environment once."""

from chassis import green  # First of all: it patches.

# isort: split

import importlib
import os
import signal
import sys
import threading
from typing import Any

import eventlet
import psycopg
from nameko.runners import ServiceRunner

from chassis import log
from chassis.backoff import waits
from chassis.db import connect_arguments
from chassis.host import Host
from chassis.settings import ServiceSettings, SettingIsMissing, read_service_settings

DRAIN_SECONDS = 30

_log = log.get()


def service_class(name: str) -> type:
    """The one class of a service's module that bears its name."""
    module = importlib.import_module(f"services.{name}.service")
    return next(value for value in vars(module).values() if isinstance(value, type) and getattr(value, "name", None) == name)


def run(settings: ServiceSettings, cls: type) -> int:
    """Serve until SIGTERM or SIGINT; then finish what is in hand. Answers the exit status."""
    runner = ServiceRunner({"max_workers": settings.max_workers, "settings": settings})
    runner.add_service(cls)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: eventlet.spawn_n(_stop, runner))
    runner.start()
    host = next(iter(runner.containers)).shared_extensions[Host]
    threading.Thread(target=_prove_driver, args=(settings, host), daemon=True).start()
    _log.info("service_started", health_port=settings.health_port)
    runner.wait()
    _log.info("service_stopped")
    return 0


def _stop(runner: Any) -> None:
    _log.info("service_stopping")
    with eventlet.Timeout(DRAIN_SECONDS, False):
        runner.stop()
        return
    _log.error("service_did_not_drain")
    runner.kill()


def _prove_driver(settings: ServiceSettings, host: Any) -> None:
    """Once the database answers, show that it does not block the process; a driver that does ends it at once."""
    for wait in waits():
        try:
            green.prove_queries_do_not_block(
                lambda: psycopg.connect(settings.database_url, **connect_arguments(f"{settings.name}-self-test"))
            )
        except green.QueriesBlockTheProcess as error:
            _log.error("driver_blocks_the_process", reason=str(error))
            os._exit(1)  # At once: a thread's exception would end nothing, and to stop in order may need the driver.
        except psycopg.Error as error:
            _log.warning("database_not_there_yet", error=type(error).__name__)
            eventlet.sleep(wait)
        else:
            host.driver_is_proven = True
            return


def main(arguments: list[str]) -> int:
    """Run the service named in the arguments."""
    name = arguments[0]
    try:
        settings = read_service_settings(name)
    except SettingIsMissing as error:
        sys.exit(str(error))
    log.configure(name, settings.log_level)
    return run(settings, service_class(name))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
