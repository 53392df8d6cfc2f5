"""What processes cost: processor time and resident memory, as the kernel counts them."""

import os
from pathlib import Path

TICK = 1000 / os.sysconf("SC_CLK_TCK")  # Milliseconds: what /proc counts in.
PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20
PARENT, SPENT = 1, slice(11, 15)  # Fields after the command: the parent; user and system time, own and of children that ended.


class Span:
    """The processor time that some processes, each with its children, spend while the block runs."""

    def __init__(self, **pids):
        self.pids = {role: pid for role, pid in pids.items() if pid}

    def __enter__(self):
        self._before = self._spent()
        return self

    def __exit__(self, *error):
        after = self._spent()
        self.milliseconds = {role: after[role] - self._before[role] for role in self.pids}

    def _spent(self):
        every = list(processes())
        return {role: sum(family(pid, every)) * TICK for role, pid in self.pids.items()}


def processes():
    """(pid, parent, ticks) of every process."""
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            fields = (directory / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # It has just ended.
        yield int(directory.name), int(fields[PARENT]), sum(int(ticks) for ticks in fields[SPENT])


def family(pid, every):
    """The ticks of a process and of all below it. The time of children that ended stands with their parent."""
    for one, parent, ticks in every:
        if one == pid:
            yield ticks
        elif parent == pid:
            yield from family(one, every)


def resident_megabytes(pid):
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
