"""Calls from one service to another."""

from tests.bench.baseline import Baseline
from tests.bench.measure import generated, take_turns
from tests.bench.report import rows_of

KINDS = {"echo": "call, no database", "read": "call, one SELECT by key", "write": "call that writes, once a key"}
ROUNDS = 4


def measure(place):
    """Rows for one caller and for sixteen."""
    callee, caller, baseline = place.probe("accounts"), place.caller(), Baseline(place)
    pids = {"asks": caller.pid, "serves": callee.pid}
    rows = []
    for callers in (1, 16):
        kinds = [
            generated(f"{label}, {callers} at once", caller, pids, kind=kind, callers=callers) for kind, label in KINDS.items()
        ]
        rows += rows_of(take_turns([baseline.measure(callers), *kinds], place.span, ROUNDS))
    return rows
