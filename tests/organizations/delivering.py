"""One delivery of the ASP, as sync drives it."""

from datetime import UTC, date, datetime
from uuid import uuid4

from chassis.testing.subjects import service
from contracts.vocabulary import SIAE_KINDS, DeliveryState
from services.organizations.actions import deliveries

SYNC, TIMER = service("sync"), service("organizations")
EXTRACTED = datetime(2026, 11, 20, tzinfo=UTC)
PAST = date(2020, 12, 31)


class Run:
    """One delivery, as sync drives it."""

    def __init__(self, bench):
        self.bench, self.run_id, self.sent = bench, uuid4(), 0

    def send(self, structures=(), annexes=(), unknown=(), number=None):
        """One batch; `unknown` are pairs of an asp_id and a kind."""
        self.sent += number is None
        keys = [{"asp_id": asp_id, "kind": kind} for asp_id, kind in unknown]
        facts = {"structures": list(structures), "annexes": list(annexes), "unknown_keys": keys}
        self.act(deliveries.receive_delivery_batch, number=number or self.sent, **facts)
        return self

    def plan(self, batch_count=None):
        count = self.sent if batch_count is None else batch_count
        return self.act(deliveries.plan_delivery, batch_count=count, extracted_at=EXTRACTED)

    def approve(self, plan_version):
        self.act(deliveries.plan_again_if_changed, plan_version=plan_version)
        self.act(deliveries.apply_delivery, plan_version=plan_version)

    def apply(self):
        """Plan, approve and let the worker take its turn; answers what the plan said."""
        planned = self.plan()
        self.approve(planned.plan_version)
        self.turn()
        assert self.state() == DeliveryState.APPLIED
        return planned.summary

    def turn(self):
        self.bench.act(deliveries.apply_due_delivery, TIMER)

    def state(self):
        return self.get().state

    def get(self):
        return self.bench.read(deliveries.get_delivery, SYNC, run_id=self.run_id)

    def act(self, action, **request):
        return self.bench.act(action, SYNC, run_id=self.run_id, **request)


def deliver(bench, structures, annexes, unknown=()):
    """A whole delivery, applied; answers its summary."""
    return Run(bench).send(structures, annexes, unknown).apply()


def every_kind(asp_id):
    """The keys of a structure of whose row nothing is known."""
    return [(asp_id, kind) for kind in sorted(SIAE_KINDS)]


def live(bench, table="organizations"):
    return bench.rows(f"SELECT * FROM {table} ORDER BY 1")


def done(summary):
    """What a summary says has changed."""
    return {name: count for name, count in summary.items() if count}
