"""Two probe services on the breakable servers, those who announce and call all the time, and the check that all arrives once."""

import contextlib
import json
import threading
import time
from uuid import uuid4

import sqlalchemy as sa

from chassis.testing import subjects
from chassis.testing.database import Bench
from chassis.wire import CallFailed
from contracts import accounts
from contracts.errors import Refusal, Unavailable
from tests.chassis import probes
from tests.chassis.conftest import wait_for

PACE_SECONDS = 0.3
WHO = {"last_name": "Dupont", "password": "un long mot de passe"}


class System:
    """Accounts announces and is called, notifications hears; `operator` calls from this process."""

    def __init__(self, sender, hearer, operator, clock):
        self.accounts, self.notifications, self.operator = sender, hearer, operator
        self.bench = Bench(sender.database_url, "accounts", clock)

    def start(self):
        self.notifications.start()
        self.accounts.start()
        self.pids = self.living()
        return self

    def stop(self):
        self.bench.close()
        for probe in (self.accounts, self.notifications):
            probe.stop()

    def living(self):
        return [probe.process.pid for probe in (self.accounts, self.notifications) if probe.process.poll() is None]

    # -- what happens in it

    def announce(self):
        """Commit one fact; return its cause."""
        cause = uuid4()
        facts = {"account_id": uuid4(), "confirmation_id": cause, "issue": probes.FINE}
        self.bench.act(probes.announce_confirmation, subjects.VISITOR, **facts)
        return str(cause)

    def call(self, name=None, key=None, caller=None, first_name="Ada"):
        """Call a method that changes; return what it answers."""
        request = {"email": name or some_address(), "first_name": first_name, **WHO}
        return (caller or self.operator).call(accounts.create_staff, request, key=key)

    def seconds_until_well(self, bar):
        """Wait until an event is heard again and a call is answered; return how long that took. Three times the bar fails."""
        began = time.monotonic()
        heard = wait_for(lambda: unless_unavailable(self.heard_count), 3 * bar, lambda: end_of_log(self.notifications))
        wait_for(lambda: unless_unavailable(self.announce), 3 * bar)
        wait_for(lambda: (unless_unavailable(self.heard_count) or 0) > heard, 3 * bar, self.tell)
        wait_for(lambda: unless_unavailable(self.call), 3 * bar, lambda: end_of_log(self.accounts))
        return time.monotonic() - began

    def heard_count(self):
        return 1 + len(self._effects())

    def tell(self):
        return f"{end_of_log(self.accounts)}\n{end_of_log(self.notifications)}"

    def is_ready(self):
        return self.accounts.get("/readyz")[0] == 200 == self.notifications.get("/readyz")[0]

    # -- the check

    def check_events(self, acknowledged, seconds=60):
        """What was acknowledged was committed, and what was committed arrived exactly once; return how many."""
        committed = {row[0] for row in self.bench.rows("SELECT payload->>'confirmation_id' FROM outbox")}
        assert set(acknowledged) <= committed

        wait_for(
            lambda: self._effects().keys() >= committed, seconds, lambda: f"{len(committed - self._effects().keys())} missing"
        )
        wait_for(lambda: self.bench.rows("SELECT count(*) FROM outbox WHERE published_at IS NULL") == [(0,)], seconds)
        assert [cause for cause, count in self._effects().items() if count != 1] == []
        assert self.notifications.rows("SELECT count(*) FROM parked") == [(0,)]
        return len(committed)

    def check_calls(self, answered, refused=()):
        """A call that was answered has one effect."""
        made = dict(self.accounts.rows("SELECT cause, count(*) FROM effects WHERE name = 'staff' GROUP BY cause"))
        assert [email for email in answered if made.get(email) != 1] == []
        assert [email for email, count in made.items() if count != 1] == []
        assert [email for email in refused if email in made] == []

    def _effects(self):
        return dict(self.notifications.rows("SELECT cause, count(*) FROM effects WHERE name = 'confirmation' GROUP BY cause"))


def end_of_log(probe):
    return probe.log.read_text()[-3000:]


def facts(probe):
    """What a probe logged."""
    return [json.loads(line) for line in probe.log.read_text().splitlines() if line.startswith("{")]


def some_address():
    return f"agent-{uuid4().hex[:12]}@emplois.example"


def unless_unavailable(act, *arguments):
    """What it answers, or None where it could not be done now."""
    try:
        return act(*arguments)
    except (Unavailable, sa.exc.DBAPIError):
        return None


class Busy:
    """Threads that do one thing again and again until the end of the `with`: what succeeded, and the errors that came."""

    def __init__(self, work, threads=4, pace=PACE_SECONDS):
        self._work, self._pace = work, pace
        self.done, self.errors = [], []
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)

    def _run(self):
        while not self._stopping.wait(self._pace):
            try:
                self.done.append(self._work())
            except (Refusal, CallFailed) as error:
                self.errors.append(error)


def announcing(system):
    """Four publishers."""
    return Busy(system.announce)


def calling(system, callers=2):
    """Callers that repeat each call with its key until it is answered, as people and programs do."""
    pending = threading.local()

    def call():
        if getattr(pending, "email", None) is None:
            pending.email, pending.key = some_address(), uuid4().hex
        system.call(pending.email, pending.key)
        email, pending.email = pending.email, None
        return email

    return Busy(call, callers)


@contextlib.contextmanager
def timed(most):
    """Fail when it takes more than three times as long; answers by `.seconds`."""
    clock = Stopwatch()
    yield clock
    clock.stop()
    assert clock.seconds < 3 * most


class Stopwatch:
    def __init__(self):
        self._began = time.monotonic()
        self.seconds = 0.0

    def stop(self):
        self.seconds = time.monotonic() - self._began
