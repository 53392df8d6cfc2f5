"""A load generator: a process of its own that does one job after the other, so that measuring costs the measured nothing.

A job is a line of JSON on its standard input; the answer is a line on its standard output: `count`, `seconds`, and `taken` with
the milliseconds of each piece of work.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Generator:
    """One such process, from this side."""

    def __init__(self, module, *arguments, log, python=sys.executable, environment=None):
        self._log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [python, "-m", module, *arguments], cwd=ROOT, env=environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, text=True,
            )  # fmt: skip

    @property
    def pid(self):
        return self.process.pid

    def run(self, **job):
        """What the process measured."""
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args}: {self._log.read_text()[-3000:]}")
        return line

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def answer_jobs(work, readline=sys.stdin.readline):
    """In the process itself: answer each job with what `work(**job)` returns, until there are no more."""
    for line in iter(readline, ""):
        print(json.dumps(work(**json.loads(line))), flush=True)


class Stopwatch:
    """Takes the times of many pieces of work that go on for so many seconds."""

    def __init__(self, seconds):
        self.begun = time.perf_counter()
        self.end = self.begun + seconds
        self._taken = []

    def is_running(self):
        return time.perf_counter() < self.end

    def took(self, since, count=1):
        """So many pieces of work ended now."""
        self._taken += [round((time.perf_counter() - since) * 1000, 3)] * count

    def result(self):
        """Of all that ended: how many, in what time, and how long each took."""
        return {"count": len(self._taken), "seconds": time.perf_counter() - self.begun, "taken": self._taken}
