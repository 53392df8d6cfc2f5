"""From HTTP to the database and back: the gateway's own process, one call, one SELECT by key."""

from tests.bench.baseline import Baseline
from tests.bench.contacts import account_id
from tests.bench.measure import generated, take_turns
from tests.bench.report import rows_of

ROUNDS = 4


def measure(place):
    """Rows for one connection and for sixteen, kept alive."""
    callee, baseline = place.probe("accounts"), Baseline(place)
    gateway = place.gateway(callee.database_url)
    path = f"/api/email-confirmations/{account_id(7)}"
    visitors = place.generator("tests.bench.visitors", gateway.env["GATEWAY_PORT"], path)
    pids = {"asks": gateway.ledger.find("gateway").pid, "serves": callee.pid}
    rows = []
    for connections in (1, 16):
        whole = generated(f"HTTP, call, SELECT by key, {connections} at once", visitors, pids, callers=connections)
        rows += rows_of(take_turns([baseline.measure(connections), whole], place.span, ROUNDS))
    return rows
