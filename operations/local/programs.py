"""The processes of the system: how each is started, and where it says that it is ready."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.vocabulary import SERVICES
from operations.local import environment
from operations.local.places import ROOT


@dataclass(frozen=True)
class Program:
    """One process of the system."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    ready_url: str

    @property
    def command(self):
        return [sys.executable, *self.arguments]


def programs(settings):
    """Return every process of the system, in the order in which they are shown; none needs another to start."""
    modules = {service: ("-m", "chassis.run", service) for service in SERVICES}
    modules |= {"gateway": ("-m", "gateway"), "mailbox": mailbox_arguments(settings)}
    return [program(name, arguments, settings) for name, arguments in modules.items()]


def program(name, arguments, settings):
    port = settings["MAILBOX_PORT" if name == "mailbox" else f"{name.upper()}_HEALTH_PORT"]
    own = environment.for_process(environment.of_participant(settings, name))
    return Program(name, arguments, own, f"{environment.LOOPBACK}:{port}/readyz")


def mailbox_arguments(settings):
    options = {"--smtp-port": "MAILBOX_SMTP_PORT", "--http-port": "MAILBOX_PORT", "--directory": "MAILBOX_DIRECTORY"}
    return ("-m", "operations.local.mailbox", *(word for flag, key in options.items() for word in (flag, settings[key])))


def is_ready(url):
    """Say whether a process answers 200 to this question now."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError, ValueError):
        return False


def wait_until_ready(waiting, patience, *, tick=lambda waiting: None):
    """Ask each program until it is ready; return the names of those that were not in time."""
    waiting = {one.name: one for one in waiting}
    deadline = time.monotonic() + patience
    while waiting and time.monotonic() < deadline:
        for name in [name for name, one in waiting.items() if is_ready(one.ready_url)]:
            del waiting[name]
        tick(list(waiting))
        time.sleep(0.1)
    return list(waiting)


class CommandFailed(Exception):
    """A command that the set-up needs ended in error; the message holds the end of what it said."""

    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status


def run(arguments, settings, log=None):
    """Run one command of the project to its end; return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment.for_process(settings),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if log:
        with open(log, "a") as file:
            file.write(done.stdout)
    if done.returncode:
        raise CommandFailed(f"{' '.join(arguments)}\n{done.stdout[-4000:]}", done.returncode)
    return done.stdout


def migrate(services, settings):
    """Bring these services' databases to the newest tables."""
    return run(["-m", "chassis.migrations", "upgrade", *services], settings)


def command_line(words, settings):
    """Run one `./emplois` command as the operator."""
    return run(["-m", "operations.commands", *words], environment.of_participant(settings, "operator"))
