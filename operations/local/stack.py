"""The whole system as child processes, for tests: started, killed, restarted and stopped by name."""

import signal
import time
from pathlib import Path

from operations.local import environment, processes, programs
from operations.local.mailbox.client import MailboxClient
from operations.local.places import ROOT


class DidNotBecomeReady(Exception):
    """Some process was not ready in time; the message holds the end of its log."""


class Stack:
    """Five services, the gateway and the mailbox over databases and a vhost that nobody else uses.

    `settings` is what `environment.build` returns. `without` names processes to leave out.
    """

    def __init__(self, directory, settings, without=()):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.clock_file = self.directory / "clock-offset"
        self.env = {**settings, "CLOCK_OFFSET_FILE": str(self.clock_file)}
        self.ledger = processes.Ledger(self.directory / "processes.json")
        self.programs = {one.name: one for one in programs.programs(self.env) if one.name not in without}
        self.gateway_url = self.env["PUBLIC_URL"]
        self.mailbox = MailboxClient(self.env["MAILBOX_URL"])
        self.set_clock_offset(0)

    # -- life

    def start(self, *names, wait=True):
        """Start these processes, or all; return once they are ready."""
        for name in names or self.programs:
            self._launch(self.programs[name])
        if wait:
            self.wait_until_ready(*names)
        return self

    def wait_until_ready(self, *names, patience=60.0):
        late = programs.wait_until_ready([self.programs[name] for name in names or self.programs], patience)
        if late:
            raise DidNotBecomeReady("\n".join(f"{name}: {self.log(name)[-3000:]}" for name in late))

    def kill(self, name, number=signal.SIGKILL):
        """End one process the hard way; return once it is gone."""
        record = self.ledger.find(name)
        if record:
            processes.stop([record], number)

    def terminate(self, name):
        """Ask one process to end; return the seconds it took."""
        began = time.monotonic()
        record = self.ledger.find(name)
        if record:
            processes.stop([record], signal.SIGTERM, patience=30.0)
        return time.monotonic() - began

    def pause(self, name):
        """Freeze one process, as a machine that no longer answers."""
        processes.send(self.ledger.find(name), signal.SIGSTOP)

    def resume(self, name):
        processes.send(self.ledger.find(name), signal.SIGCONT)

    def restart(self, name, wait=True):
        self.terminate(name)
        self.start(name, wait=wait)

    def is_alive(self, name):
        return self.ledger.find(name) is not None

    def stop(self):
        records = self.ledger.living()
        for record in records:
            processes.send(record, signal.SIGCONT)
        processes.stop(records)

    # -- the world around it

    def set_clock_offset(self, seconds):
        """Let every service believe that it is so many seconds later than it is."""
        draft = self.clock_file.with_suffix(".new")
        draft.write_text(str(seconds))
        draft.replace(self.clock_file)

    def emplois(self, *words):
        """Run one command of the operator; return what it printed."""
        return programs.command_line(words, self.env)

    def health_url(self, name):
        return f"{environment.LOOPBACK}:{self.env[f'{name.upper()}_HEALTH_PORT']}"

    def log(self, name):
        """Return what a process wrote since the stack was made."""
        path = self.directory / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _launch(self, program):
        log = self.directory / f"{program.name}.log"
        self.ledger.launch(program.name, program.command, log, cwd=ROOT, env=dict(program.environment))
