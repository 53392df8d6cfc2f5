"""Processes that we started, remembered so that we stop these and no other.

A pid alone proves nothing: after a crash the system may have given it to somebody else. So the start time that the
kernel keeps, and the boot it counts from, are written down beside it.
"""

import atexit
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Record:
    """One process of ours."""

    name: str
    pid: int
    started: int
    boot: str

    def is_alive(self):
        return self.boot == boot_id() and start_time(self.pid) == self.started


def record_of(name, pid):
    """Return what identifies the process; it must be running."""
    started = start_time(pid)
    if started is None:
        raise ProcessLookupError(f"{name} ({pid}) has already ended")
    return Record(name, pid, started, boot_id())


def boot_id():
    return BOOT_ID.read_text().strip()


def start_time(pid):
    """Return the kernel's start time of a living process, in ticks since the boot; None for a dead or absent one."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # The command, in brackets, may hold spaces.
    return None if fields[0] in "ZX" else int(fields[19])


class Ledger:
    """The file that lists the processes started from one directory."""

    def __init__(self, path):
        self.path = Path(path)

    def records(self):
        try:
            return [Record(**fields) for fields in json.loads(self.path.read_text())]
        except (OSError, ValueError, TypeError):
            return []  # Never written, or cut short by a crash: nothing can be proved to be ours.

    def living(self):
        return [record for record in self.records() if record.is_alive()]

    def add(self, name, pid):
        record = record_of(name, pid)
        with self._locked():
            others = [other for other in self.records() if other.name != name and other.is_alive()]
            self._write([*others, record])
        return record

    def launch(self, name, command, log, **options):
        """Start a process and write it down. It gets a session of its own: Ctrl-C is for us, and we stop it in order."""
        with open(log, "ab") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **options
            )
        _children[process.pid] = process
        with contextlib.suppress(ProcessLookupError):  # It has already ended: its log says why.
            self.add(name, process.pid)

    def remove(self, name):
        with self._locked():
            self._write([record for record in self.records() if record.name != name])

    def find(self, name):
        reap()
        return next((record for record in self.living() if record.name == name), None)

    @contextlib.contextmanager
    def _locked(self):
        with open(self.path.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _write(self, records):
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps([asdict(record) for record in records]))
        draft.replace(self.path)


def stop(records, signal_first=signal.SIGTERM, patience=10.0):
    """End these processes, by force after the time given; return the names of those that needed force."""
    for record in records:
        send(record, signal_first)
    stubborn = wait_for_end(records, patience)
    for record in stubborn:
        send(record, signal.SIGKILL)
    wait_for_end(stubborn, 5.0)
    return [record.name for record in stubborn]


def send(record, number):
    if record.is_alive():
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, number)


def wait_for_end(records, patience):
    """Wait until the processes are gone; return those that are still there."""
    deadline = time.monotonic() + patience
    while True:
        left = [record for record in records if record.is_alive()]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.03)
        reap()


def reap():
    """Collect our children that have ended: PostgreSQL, for one, takes a zombie for a living server."""
    for pid, process in list(_children.items()):
        if process.poll() is not None:
            del _children[pid]


_children: dict[int, subprocess.Popen[bytes]] = {}


@atexit.register
def _leave_them() -> None:
    """Servers may outlive the process that launched them: Python need not warn of it."""
    for process in _children.values():
        process.returncode = 0
