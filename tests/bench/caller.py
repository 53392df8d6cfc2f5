"""A load generator that calls as a service does: under eventlet, all its callers over one connection."""

from chassis import green  # First of all: it patches.

# isort: split

import random
import sys
import time
from functools import partial

import eventlet
from eventlet import tpool

from chassis import log
from chassis.call import Caller
from chassis.settings import read_bus_settings
from contracts import accounts
from tests.bench.contacts import CONTACTS, account_id
from tests.bench.generator import Stopwatch, answer_jobs

STAFF = {"email": "ada@emplois.example", "first_name": "Ada", "last_name": "Dupont", "password": "un long mot de passe"}


def works(reader, operator):
    """What can be asked, by name."""
    return {
        "echo": lambda: reader.call(accounts.get_contacts, {"account_ids": []}),
        "read": lambda: reader.call(accounts.get_contacts, {"account_ids": [account_id(random.randrange(CONTACTS))]}),
        "write": lambda: operator.call(accounts.create_staff, STAFF),
    }


def call_together(known, kind, callers, seconds):
    """So many callers, each with one call after the other."""
    watch, work = Stopwatch(seconds), known[kind]

    def call():
        while watch.is_running():
            begun = time.perf_counter()
            work()
            watch.took(begun)

    for one in [eventlet.spawn(call) for _ in range(callers)]:
        one.wait()
    return watch.result()


def main():
    log.configure("bench", "ERROR")
    callers = [Caller(read_bus_settings(name)) for name in ("invitations", "operator")]
    for caller in callers:
        caller.start()
    answer_jobs(partial(call_together, works(*callers)), partial(tpool.execute, sys.stdin.readline))


if __name__ == "__main__":
    assert green
    main()
