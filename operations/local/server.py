"""What PostgreSQL and RabbitMQ have in common: one process each, started, awaited, restarted, stopped."""

import os
import signal
import time

from operations.local import processes


class DidNotStart(Exception):
    """The server ended or stayed silent; the message holds the end of its log."""


class Server:
    """One private server process, its log and its record in the ledger."""

    name = ""
    patience = 60.0
    stop_signal = signal.SIGTERM

    def __init__(self, directory, ledger, ports):
        self.directory = directory.resolve()  # The servers have working directories of their own.
        self.ledger = ledger
        self.ports = ports
        self.log = self.directory / f"{self.name}.log"

    @property
    def port(self):
        """The port it listens on, or that it will: a running server's own port only looks taken."""
        return self.ports.known[self.name] if self.ledger.find(self.name) else self.ports[self.name]

    # What each server says of itself.

    def prepare(self):
        """Write what the process needs before it starts."""
        raise NotImplementedError

    def command(self):
        """Return the arguments and the keyword arguments of Popen."""
        raise NotImplementedError

    def is_ready(self):
        raise NotImplementedError

    # The same for both.

    def start(self, tries=3):
        """Return once the server answers. A port lost in a race, or what a killed forerunner left, costs a try.

        With one try it is on the port where everybody looks for it, or DidNotStart.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self.stop()  # One that an earlier start, killed since, left running.
        for left in reversed(range(tries)):
            self.prepare()
            self.launch()
            if self.wait_until_ready():
                return
            self.stop()
            if left:
                self.ports.replace(self.name)
                time.sleep(1)
        raise DidNotStart(f"{self.name}: {self.end_of_log()}")

    def launch(self):
        command, options = self.command()
        self.ledger.launch(self.name, command, self.log, **options)

    def wait_until_ready(self):
        deadline = time.monotonic() + self.patience
        while time.monotonic() < deadline:
            if not self.is_alive():
                return False
            if self.is_ready():
                return True
            time.sleep(0.05)
        return False

    def is_alive(self):
        return self.ledger.find(self.name) is not None

    def stop(self):
        record = self.ledger.find(self.name)
        if record:
            processes.stop([record], self.stop_signal)
        self.ledger.remove(self.name)

    def kill(self):
        """End the process the hard way, as a power cut would."""
        record = self.ledger.find(self.name)
        if record:
            processes.stop([record], signal.SIGKILL)

    def end_of_log(self):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])
        except OSError:
            return "no log"


def is_root():
    return os.geteuid() == 0
