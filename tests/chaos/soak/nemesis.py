"""Faults at random, one after the other, from a seed: what each strikes and how long it lasts is drawn before the first."""

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from contracts.vocabulary import SERVICES


@dataclass
class Fault:
    """What is to happen; `began` and `ended` once it has."""

    name: str
    target: str
    hold: float  # Seconds.
    rest: float  # Seconds before it.
    count: int  # Of sessions.
    began: datetime = field(default=None)
    ended: datetime = field(default=None)

    def __str__(self):
        return f"{self.name}{f' of {self.target}' if self.target else ''} ({self.hold:.1f} s) after {self.rest:.1f} s"


FAULTS = {
    "broker_killed": (),
    "broker_frozen": (),
    "database_killed": (),
    "sessions_ended": SERVICES,
    "connections_closed": (),
    "service_killed": SERVICES,
    "gateway_killed": (),
    "disk_alarm": (),
    "service_frozen": SERVICES,
    "mailbox_killed": (),
}


def draw(seed, *, rest, hold):
    """Faults without end: each kind comes once before any comes again. `rest` and `hold` are (least, most) seconds."""
    chance = random.Random(seed)
    while True:
        for name in chance.sample(sorted(FAULTS), len(FAULTS)):
            target = chance.choice(sorted(FAULTS[name])) if FAULTS[name] else ""
            yield Fault(name, target, chance.uniform(*hold), chance.uniform(*rest), chance.randint(1, 6))


class Nemesis:
    """Breaks the servers and processes of a stack, and heals each fault before the next; restarts only what it has killed."""

    def __init__(self, servers, stack, plan):
        self.servers, self.stack, self._plan = servers, stack, plan
        self.done = []
        self.pids = self.living()

    def living(self):
        """The process of each name, 0 where there is none."""
        found = {name: self.stack.ledger.find(name) for name in self.stack.programs}
        return {name: record.pid if record else 0 for name, record in found.items()}

    def strike(self):
        """The next fault of the plan, after its rest; return it, healed."""
        fault = next(self._plan)
        time.sleep(fault.rest)
        fault.began = datetime.now(UTC)
        getattr(self, fault.name)(fault)
        fault.ended = datetime.now(UTC)
        self.done.append(fault)
        print(f"{fault.began:%H:%M:%S} {fault}, healed after {(fault.ended - fault.began).total_seconds():.1f} s", flush=True)
        return fault

    # -- faults

    def broker_killed(self, fault):
        with self.servers.killed("rabbitmq"):
            time.sleep(fault.hold)

    def broker_frozen(self, fault):
        with self.servers.frozen("rabbitmq"):
            time.sleep(fault.hold)

    def database_killed(self, fault):
        with self.servers.killed("postgresql"):
            time.sleep(fault.hold)

    def sessions_ended(self, fault):
        """Some sessions of one service, every 200 ms for a while."""
        until = time.monotonic() + fault.hold
        while time.monotonic() < until:
            self.servers.terminate_sessions(self.stack.env[f"{fault.target.upper()}_DATABASE_URL"], fault.count)
            time.sleep(0.2)

    def connections_closed(self, fault):
        self.servers.close_all_connections(vhost_of(self.stack))

    def disk_alarm(self, fault):
        with self.servers.alarm("disk"):
            time.sleep(fault.hold)

    def service_killed(self, fault):
        self._kill(fault.target, fault.hold)

    def gateway_killed(self, fault):
        self._kill("gateway", fault.hold)

    def mailbox_killed(self, fault):
        self._kill("mailbox", fault.hold)

    def service_frozen(self, fault):
        self.stack.pause(fault.target)
        time.sleep(fault.hold)
        self.stack.resume(fault.target)

    def _kill(self, name, seconds):
        self.stack.kill(name)
        time.sleep(seconds)
        self.stack.start(name)
        self.pids[name] = self.living()[name]


def vhost_of(stack):
    return urlsplit(stack.env["GATEWAY_AMQP_URL"]).path.lstrip("/")
