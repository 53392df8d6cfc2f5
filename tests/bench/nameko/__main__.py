"""`make bench-nameko`: nameko 2.14.1 against 3.0.0rc11, as they come, tuned, and as hosts of our own transport.

Judged in docs/decisions/0001-nameko-version.md.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chassis import log
from tests.bench.baseline import Baseline
from tests.bench.measure import generated, take_turns
from tests.bench.nameko import environments
from tests.bench.place import place
from tests.bench.report import rows_of, show

VERSIONS = ("2.14.1", "3.0.0rc11")
ROUNDS = 4


class Candidate:
    """One way to call, with the processes of both ends."""

    def __init__(self, label, generator, pids, **job):
        self.label, self.generator, self.pids, self.job = label, generator, pids, job

    def measure(self, callers):
        return generated(f"{self.label}, {callers} at once", self.generator, self.pids, callers=callers, **self.job)


def own_calls(here, python, version, form):
    """nameko's own calls from one service to another."""
    called = f"echo_{form}_{version.replace('.', '_')}"
    module, words = "tests.bench.nameko.calls", (form, called, here.broker_admin_url)
    echo = here.announced([python, "-m", module, "echo", *words])
    asker = here.generator(module, "ask", *words, python=python)
    return Candidate(f"nameko {version} {form}", asker, {"asks": asker.pid, "serves": echo.pid})


def our_calls(here, python, version):
    """Our transport, its callee hosted by this version; each has a vhost of its own, as their queues bear the same names."""
    callee = here.probe("accounts", python=python, module="tests.bench.nameko.hosting")
    caller = here.caller()
    return Candidate(f"ours, on {version}", caller, {"asks": caller.pid, "serves": callee.pid}, kind="echo")


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.bench.nameko")
    parser.add_argument("--environments", type=Path, help="keep both environments here, and use those that are here")
    kept = parser.parse_args().environments
    log.configure("bench", "ERROR")
    with place() as here:
        with ThreadPoolExecutor() as pool:
            pythons = list(pool.map(lambda version: environments.make((kept or here.scratch) / version, version), VERSIONS))
        candidates = []
        for version, python in zip(VERSIONS, pythons, strict=True):
            candidates += [own_calls(here, python, version, form) for form in ("stock", "tuned")]
            candidates.append(our_calls(here.beside(), python, version))
        baseline, rows = Baseline(here), []
        for callers in (1, 16):
            measures = [baseline.measure(callers), *(candidate.measure(callers) for candidate in candidates)]
            rows += rows_of(take_turns(measures, here.span, ROUNDS))
    show(rows)


if __name__ == "__main__":
    main()
