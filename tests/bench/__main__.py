"""`make bench`: measures and prints, judges nothing; `python -m tests.bench --only calls` measures one subject.

How to read it: docs/performance.md.
"""

import argparse

from chassis import log
from tests.bench import calls, memory, relay, web
from tests.bench.place import place
from tests.bench.report import show

SUBJECTS = {"calls": calls.measure, "http": web.measure, "events": relay.measure, "memory": memory.measure}


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--only", choices=SUBJECTS, action="append", help="measure this; may be repeated")
    wanted = parser.parse_args().only or SUBJECTS
    log.configure("bench", "ERROR")
    rows = []
    for subject in wanted:
        with place() as here:
            rows += SUBJECTS[subject](here)
    show(rows)


if __name__ == "__main__":
    main()
