"""N-17: business by many clients while faults strike at random, then calm, then the question whether anything is wrong.

EMPLOIS_SOAK_SEED chooses other faults; each run prints its seed.
"""

import collections
import contextlib
import json
import os
import time
from types import SimpleNamespace

import httpx
import pytest

from tests.chaos.soak import calm, checker, evidence, history
from tests.chaos.soak.generator import Client, World, at_work
from tests.chaos.soak.nemesis import Nemesis, draw
from tests.chaos.soak.postbox import Postbox
from tests.sizes import sized

SEED = int(os.environ.get("EMPLOIS_SOAK_SEED", "14"))
OPERATIONS = sized(200, 10_000)
FAULTS = sized(4, 20)
SECONDS = sized(0, 180)
CLIENTS = sized(6, 8)
PACE = sized(0.15, 0.05)  # Seconds between a client's operations, at most.
REST, HOLD = sized((1, 2), (5, 10)), sized((1, 3), (1, 8))
STRUCTURES = sized(40, 120)
PAST_LEASES = 150  # Seconds: a mail whose process died waits for the end of a lease of two minutes.


@pytest.fixture(scope="module")
def soaked(servers, tmp_path_factory):
    """The whole system after its chaos, in calm: what was done, and what is left."""
    directory = tmp_path_factory.mktemp("soak")
    with servers.new_stack() as stack, contextlib.closing(history.History(directory / "history.jsonl")) as kept:
        world = new_world(stack, directory, kept)
        nemesis = Nemesis(servers, stack, draw(SEED, rest=REST, hold=HOLD))
        print(f"\nseed {SEED}")
        with at_work([Client(number, world, SEED) for number in range(CLIENTS)]) as working:
            seconds = chaos(nemesis, kept, working)
        print(f"{len(kept)} operations, {len(nemesis.done)} faults in {seconds:.0f} s")
        drained = calm.drain(servers, stack), mails_ended(stack)
        print(f"events at rest {drained[0]:.1f} s after the last operation, mails {drained[1]:.1f} s later (bar {calm.BAR})")
        yield SimpleNamespace(servers=servers, stack=stack, world=world, nemesis=nemesis)


def new_world(stack, directory, kept):
    """The system with a delivery imported, and its active structures."""
    stack.emplois("generate-delivery", str(directory), "--structures", str(STRUCTURES), "--seed", "7", "--no-traps")
    stack.emplois("import", str(directory))
    keys = json.loads((directory / "manifest.json").read_text())["keys"]
    companies = collections.Counter(key["siret"][:9] for key in keys)
    alone = [key for key in keys if companies[key["siret"][:9]] == 1 and key["active"] and key["auth_email"]]
    with httpx.Client(base_url=stack.gateway_url, timeout=20) as http:
        structures = [found(http, key) for key in alone]
    return World(stack.gateway_url, Postbox(stack.env["MAILBOX_DIRECTORY"]), kept, structures, pace=PACE)


def found(http, key):
    answer = http.get("/api/structures", params={"company_number": key["siret"]})
    (one,) = answer.json()["joinable"]
    return {"organization_id": one["organization_id"], "siret": key["siret"], "auth_email": key["auth_email"]}


def chaos(nemesis, kept, working):
    """Faults until there were enough of them, for long enough, and enough operations; return the seconds."""
    began = time.monotonic()
    while not is_enough(len(kept), len(nemesis.done), time.monotonic() - began):
        nemesis.strike()
        ended = [future.result() for future in working if future.done()]
        assert not ended, "a client has stopped"
    return time.monotonic() - began


def is_enough(operations, faults, seconds):
    return operations >= OPERATIONS and faults >= FAULTS and seconds >= SECONDS


def mails_ended(stack):
    """Seconds until each mail is at its end; `make test` does not sit leases out, it lets the services believe they are over."""
    if not sized(False, True):
        stack.set_clock_offset(PAST_LEASES)
    return calm.drain_mails(stack)


def judged(soaked):
    """What clients did, and what the checker finds."""
    operations = history.read(soaked.world.history.path)
    found = evidence.collect(soaked.servers, soaked.stack, soaked.world.postbox, soaked.nemesis.done)
    return operations, checker.check(operations, found)


@pytest.mark.soak
@pytest.mark.timeout(sized(420, 3000))
class TestChaos:
    """N-17, invariants I1 to I7 and I11."""

    def test_loses_nothing_and_doubles_nothing(self, soaked):
        operations, faults = judged(soaked)

        print(summary(operations, faults))
        assert [str(fault) for fault in faults] == []

    def test_ends_no_process_that_was_not_killed(self, soaked):
        assert soaked.nemesis.living() == soaked.nemesis.pids

    def test_was_noticed(self, soaked):
        """A chaos that no client notices shows nothing."""
        operations = history.read(soaked.world.history.path)

        assert max(one.attempts for one in operations) > 1


def summary(operations, faults):
    kinds = collections.Counter(fault.kind for fault in faults)
    outcomes = collections.Counter(one.outcome for one in operations)
    repeated = sum(one.attempts > 1 for one in operations)
    lines = [f"{kinds[kind]} {kind}" for kind in (checker.LOST, checker.DOUBLED, checker.ORDER, checker.OTHER)]
    by_kind = collections.Counter(one.kind for one in operations)
    return f"{', '.join(lines)}\n{dict(outcomes)}, {repeated} repeated; {dict(by_kind)}"


PLANTED = {
    checker.LOST: ("invitations", "DELETE FROM outbox WHERE id = (SELECT max(id) FROM outbox)"),
    checker.DOUBLED: (
        "notifications",
        "INSERT INTO parked (parked_id, handler, message_id, headers, body, state, reason, attempt_count, first_seen_at)"
        " SELECT gen_random_uuid(), handler, message_id, '{}', '', 'dead', '', 1, now() FROM inbox LIMIT 1",
    ),
    checker.ORDER: (
        "organizations",
        "UPDATE outbox SET published_at = now() WHERE id ="
        " (SELECT min(id) FROM outbox WHERE event = 'organizations.magic_link_requested')",
    ),
}


@pytest.mark.timeout(sized(420, 3000))
@pytest.mark.parametrize("kind", PLANTED)
class TestChecker:
    """The checker, after what was right, sees what is planted into these very databases."""

    def test_finds_what_is_planted(self, soaked, kind):
        service, statement = PLANTED[kind]
        _, before = judged(soaked)

        with evidence.database(soaked.stack, service) as connection:
            connection.execute(statement)
        _, after = judged(soaked)

        assert kind in {fault.kind for fault in set(after) - set(before)}
