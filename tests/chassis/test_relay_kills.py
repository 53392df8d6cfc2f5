"""The relay's process killed at its two delicate moments: nothing is lost, and what is published twice has one effect."""

import contextlib
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from chassis.outgoing import BATCH
from chassis.testing.database import Bench
from chassis.wire import BusIsDown, CallTimedOut
from contracts import accounts
from tests.chassis.conftest import wait_for
from tests.chassis.facts import announce_facts, effect_counts, unpublished_count, wire_of
from tests.sizes import sized

KILLS = sized(10, 200)


@pytest.fixture
def hearer(make_probe):
    return make_probe("notifications").start()


@pytest.fixture
def sender(make_probe):
    probe = make_probe("accounts")
    probe.program = "tests.chassis.crashing"
    return probe


@pytest.fixture
def announcing(sender, tmp_path):
    bench = Bench(sender.database_url, "accounts", tmp_path / "clock")
    yield bench
    bench.close()


@pytest.mark.soak
class TestAProcessKilledBetweenCommitAndPublish:
    """M-03: what it committed is published soon after the next one has started; nothing is lost."""

    def test_loses_nothing(self, hearer, sender, announcing, make_caller):
        caller = make_caller("operator", sender.vhost)
        sender.environment["PROBE_FAULT"] = "dies_once_committed"
        emails = [f"{uuid4()}@emplois.example" for _ in range(KILLS)]
        delays = []

        with ThreadPoolExecutor(KILLS) as pool:
            for email in emails:
                delays.append(seconds_until_all_is_published(sender.start(), announcing))
                pool.submit(ask_in_vain, caller, email)
                assert sender.process.wait(30) == -signal.SIGKILL
                assert sender.effects(email) == 1
                assert unpublished_count(announcing) == 1
        sender.environment["PROBE_FAULT"] = ""
        delays.append(seconds_until_all_is_published(sender.start(), announcing))

        wait_for(lambda: len(effect_counts(hearer)) == KILLS)
        print(f"published at most {max(delays):.2f} s after the process was ready, {KILLS} kills")
        assert effect_counts(sender) == dict.fromkeys(emails, 1)
        assert effect_counts(hearer) == {email.partition("@")[0]: 1 for email in emails}


def seconds_until_all_is_published(probe, bench):
    began = time.monotonic()
    wait_for(lambda: unpublished_count(bench) == 0, 6, probe.log.read_text)  # Three times the bar of 2 s.
    return time.monotonic() - began


def ask_in_vain(caller, email):
    """A call whose process ends before it answers; the next one may, in time."""
    request = {"email": email, "first_name": "Ada", "last_name": "Dupont", "password": "un long mot de passe"}
    with contextlib.suppress(CallTimedOut, BusIsDown):
        caller.call(accounts.create_staff, request)


@pytest.mark.soak
class TestARelayKilledBetweenConfirmAndMark:
    """M-04: it publishes again what it published, a batch at most for each kill; each fact has one effect."""

    def test_doubles_no_effect(self, hearer, sender, announcing, servers):
        sender.environment["PROBE_FAULT"] = "dies_once_confirmed"
        causes = announce_facts(announcing, 60)
        with wire_of(servers, sender.vhost) as wire:
            for _ in range(KILLS):
                published = wire.count()
                sender.start(ready=False)
                assert sender.process.wait(30) == -signal.SIGKILL
                assert 0 < wire.count() - published <= BATCH
                assert unpublished_count(announcing) == len(causes)
            sender.environment["PROBE_FAULT"] = ""
            sender.start()
            wait_for(lambda: unpublished_count(announcing) == 0)
            copies = Counter(message.properties["message_id"] for message in wire.messages())

        wait_for(lambda: len(effect_counts(hearer)) == len(causes), 30)
        wait_for(lambda: handled_count(hearer) == copies.total(), 30)
        print(f"{copies.total() - len(causes)} duplicates on the wire after {KILLS} kills, batches of {BATCH}")
        assert len(copies) == len(causes)
        assert effect_counts(hearer) == dict.fromkeys(causes, 1)


def handled_count(probe):
    """How many messages of events came to their end, effective or repeated."""
    lines = probe.get("/metrics")[1].decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("events_handled_total{"))
