"""C-10: a thousand messages that never heal keep to their schedule, and cost little."""

import time
from itertools import pairwise
from uuid import uuid4

import pytest

from tests.chassis import probes
from tests.chassis.conftest import wait_for
from tests.chassis.test_inbox_outages import publish_all
from tests.sizes import sized

MESSAGES = sized(200, 1000)
FIRST_SECONDS = sized(60, 300)  # Every message fails once, beside the next attempts at those that failed before.
CALM_SECONDS = 10
WAITS = (1, 5, 30, 300)  # Seconds before the next attempts.


def attempts_at(probe):
    """When each message was tried, by its cause."""
    found = {}
    for line in probe.seen.read_text().splitlines():
        cause, _, at = line.split()
        found.setdefault(cause, []).append(float(at))
    return found


def is_on_schedule(times):
    return all(second - first >= wait for (first, second), wait in zip(pairwise(times), WAITS, strict=False))


class TestAThousandMessagesThatNeverHeal:
    @pytest.mark.soak
    def test_keep_to_their_schedule_and_cost_little(self, make_probe, servers):
        probe = make_probe("notifications").start()
        publish_all(servers, probe, [uuid4() for _ in range(MESSAGES)], probes.NEVER_HEALS)
        wait_for(lambda: probe.rows("SELECT count(*) FROM parked") == [(MESSAGES,)], FIRST_SECONDS)

        cpu, log = probe.cpu_seconds(), probe.log.stat().st_size
        time.sleep(CALM_SECONDS)
        cpu, log = (probe.cpu_seconds() - cpu) / CALM_SECONDS, (probe.log.stat().st_size - log) * 60 / CALM_SECONDS

        tries = attempts_at(probe)
        print(
            f"{MESSAGES} messages, {sum(map(len, tries.values()))} tries; {cpu:.0%} of a processor, {log / 1e6:.2f} MB of log/min"
        )
        assert len(tries) == MESSAGES
        assert max(sum(at < times[0] + 10 for at in times) for times in tries.values()) <= 3
        assert all(is_on_schedule(times) for times in tries.values())
        assert sum(map(len, tries.values())) > MESSAGES
        assert cpu < 0.5
        assert log < 1e6
        assert probe.get("/livez")[0] == 200
