"""What each process of the whole system holds in memory when nothing happens."""

import time

from tests.bench.accounting import resident_megabytes
from tests.bench.report import memory_row

IDLE_SECONDS = 5.0


def measure(place):
    """A row for each process."""
    with place.servers.new_stack() as stack:
        time.sleep(IDLE_SECONDS)
        return [memory_row(f"memory of {one.name}, idle", resident_megabytes(one.pid)) for one in stack.ledger.living()]
