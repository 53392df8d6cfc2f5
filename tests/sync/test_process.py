"""Sync and organizations as processes of their own, on a real broker and databases; the test is the operator."""

import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from chassis.call import Caller
from chassis.clock import paris_date
from chassis.settings import BusSettings
from chassis.subject import read_private_key
from contracts import sync
from contracts.errors import Unavailable
from contracts.vocabulary import RunState
from services.sync.generator import Envelope
from tests.factories import sync as make

LEFT_OUT = ("accounts", "invitations", "notifications", "gateway", "mailbox")
ENDS = {RunState.APPLIED, RunState.REFUSED}
PATIENCE = 60.0
TODAY = paris_date(datetime.now(UTC))
KILLED_AFTER = (0.1, 0.3, 0.6, 1.0, 1.5)  # Seconds from the opening of a run.


class World:
    """The two services, and an operator who calls them."""

    def __init__(self, stack):
        self.stack = stack
        key = read_private_key(stack.env["OPERATOR_SIGNING_KEY"])
        self.caller = Caller(BusSettings("operator", stack.env["OPERATOR_AMQP_URL"], key))
        self.caller.start()
        self.files_dir = Path(stack.env["FILES_DIR"])

    def open_run(self, files, *, is_dry=False):
        return self.caller.call(sync.open_run, {"files": make.stored(self.files_dir, files), "is_dry": is_dry})["run_id"]

    def end_of(self, run_id, ends=ENDS):
        limit = time.monotonic() + PATIENCE
        while True:
            run = self.run(run_id)
            if run and run["state"] in ends:
                return run
            assert time.monotonic() < limit, f"{run}\n{self.stack.log('sync')[-3000:]}"
            time.sleep(0.05)

    def wait_until_cleared(self):
        """Uploads go once their run has ended: right after, not before."""
        limit = time.monotonic() + PATIENCE
        while list(self.files_dir.glob("*")):
            assert time.monotonic() < limit
            time.sleep(0.05)

    def run(self, run_id):
        try:
            return self.caller.call(sync.get_run, {"run_id": run_id})
        except Unavailable:
            return None

    def rows(self, service, statement):
        with psycopg.connect(self.stack.env[f"{service.upper()}_DATABASE_URL"]) as connection:
            return connection.execute(statement).fetchall()


@pytest.fixture(scope="module")
def world(servers):
    with servers.new_stack(without=LEFT_OUT) as stack:
        made = World(stack)
        yield made
        made.caller.link.stop()


@pytest.fixture(scope="module")
def files():
    return make.delivery(structures=600, traps=False, today=TODAY).files


class TestProcess:
    def test_tells_what_would_change(self, world, files):
        run = world.end_of(world.open_run(files, is_dry=True), {RunState.PLANNED, RunState.REFUSED})
        assert (run["refusal"], run["batch_count"]) == (None, run["sent_batch_count"])
        assert run["summary"]["structures_created"] > 500
        assert world.rows("organizations", "SELECT * FROM organizations") == []

    def test_applies_a_delivery_whatever_it_is_killed_in(self, world, files):
        """S-02: each run is killed once, a little later each time; all end, and the last changes nothing."""
        for seconds in KILLED_AFTER:
            run_id = world.open_run(files)
            time.sleep(seconds)
            world.stack.kill("sync")
            world.stack.start("sync")
            assert world.end_of(run_id)["refusal"] is None
        conventions = world.rows("organizations", "SELECT asp_id, kind FROM conventions")
        assert len(conventions) == len(set(conventions)) > 600
        run = world.end_of(world.open_run(files))
        assert {value for value in run["summary"].values() if isinstance(value, int)} == {0}
        world.wait_until_cleared()

    def test_refuses_a_damaged_delivery_and_lists_why(self, world):
        files = make.delivery(envelope=Envelope.TRUNCATED, today=TODAY).files
        run = world.end_of(world.open_run(files))
        assert run["state"] == RunState.REFUSED and "FIN annonce" in run["refusal"]
        found = world.caller.call(sync.list_rejects, {"run_id": run["run_id"], "limit": 10})
        assert found == {"items": [], "total_count": 0}

    def test_logs_no_address(self, world):
        assert ".example" not in world.stack.log("sync")
