"""Runs for tests: real generated files in the files port, and an organizations that remembers what it was sent."""

import io
from datetime import UTC, date, datetime, time

import orjson

from chassis.files import Files
from chassis.testing.subjects import service
from chassis.wire import dump_request, dump_result, load_request, load_result
from contracts import organizations
from contracts.organizations import DeliveryIsNotComplete, DeliveryNotFound, PlanHasChanged
from contracts.vocabulary import DeliveryState
from services.sync import actions
from services.sync.generator import generate
from services.sync.runs import Desk, advance_runs

OPERATOR, SYNC = service("operator"), service("sync")
DAY = date(2026, 11, 20)
SUMMARY = dict.fromkeys(organizations.PlanSummary._declared_fields, 0) | {"held": {}}


def delivery(*, structures=60, seed=1, today=DAY, **traits):
    """A generated delivery; traits are the generator's: traps, chapter, envelope."""
    return generate(structures=structures, seed=seed, today=today, **traits)


def stored(files_dir, files):
    """Files as an operator uploads them: what `open_run` is told of."""
    return [vars(Files(files_dir).put(io.BytesIO(content), name)) for name, content in sorted(files.items())]


def run(bench, files_dir, files, *, is_dry=False):
    """An open run of these files."""
    return bench.act(actions.open_run, OPERATOR, files=stored(files_dir, files), is_dry=is_dry)


def desk(bench, files_dir, organizations, **settings):
    return Desk(bench.work(SYNC), organizations, files_dir, **settings)


def import_files(bench, files_dir, files, *, answering=None, is_dry=False, **settings):
    """A run of these files, as far as it comes."""
    opened = run(bench, files_dir, files, is_dry=is_dry)
    working = desk(bench, files_dir, answering or FakeOrganizations(), **settings)
    for _ in range(2):  # One turn asks organizations to apply, the next one finds that it has.
        advance_runs(working)
    return found(bench, opened)


def found(bench, run):
    return bench.read(actions.get_run, OPERATOR, run_id=run.run_id)


def rejects(bench, run):
    return bench.read(actions.list_rejects, OPERATOR, run_id=run.run_id, limit=1000)


def remarks(bench, run):
    return bench.read(actions.list_remarks, OPERATOR, run_id=run.run_id, limit=1000)


def pairs(unknown_keys):
    """Unknown keys of a manifest, or as they are sent: (asp_id, kind) of each."""
    return {(key["asp_id"], key["kind"]) for key in unknown_keys}


def set_day(bench, day=DAY):
    """It is that day, at noon, for the service."""
    bench.move_clock(datetime.combine(day, time(12), UTC) - datetime.now(UTC))


class FakeOrganizations:
    """Answers as organizations does, through the schemas of the contract; batches are kept by run and number, once each."""

    def __init__(self):
        self.calls = []
        self.received = {}
        self.states = {}
        self.plan_versions = {}
        self.failing = {}  # Verb -> what is raised next, in order.

    def __call__(self, method, **request):
        self.calls.append(method.verb)
        if self.failing.get(method.verb):
            raise self.failing[method.verb].pop(0)
        asked = load_request(method, orjson.loads(dump_request(method, request)))
        result = getattr(self, method.verb)(**asked)
        return load_result(method, dump_result(method, result))

    def receive_delivery_batch(self, *, run_id, number, **batch):
        known = self.received.setdefault((run_id, number), batch)
        assert known == batch, "a batch sent again is the same"
        self.states.setdefault(run_id, DeliveryState.RECEIVING)

    def plan_delivery(self, *, run_id, batch_count, extracted_at):
        if sum(key[0] == run_id for key in self.received) != batch_count:
            raise DeliveryIsNotComplete()
        self.extracted_at = extracted_at
        if self.states[run_id] in (DeliveryState.RECEIVING, DeliveryState.PLANNED):
            self.states[run_id] = DeliveryState.PLANNED
            self.plan_versions[run_id] = self.plan_versions.get(run_id, 0) + 1
        return {"plan_version": self.plan_versions[run_id], "summary": SUMMARY}

    def apply_delivery(self, *, run_id, plan_version):
        if self.plan_versions[run_id] != plan_version:
            raise PlanHasChanged()
        self.states[run_id] = DeliveryState.APPLYING

    def get_delivery(self, *, run_id):
        if run_id not in self.states:
            raise DeliveryNotFound()
        if self.states[run_id] == DeliveryState.APPLYING:
            self.states[run_id] = DeliveryState.APPLIED
        return {"state": self.states[run_id], "plan_version": self.plan_versions.get(run_id, 0), "summary": SUMMARY}

    def sent(self, name):
        """All that arrived of one kind, in the order of the batches."""
        return [one for key in sorted(self.received, key=str) for one in self.received[key][name]]
