"""Handlers that take long: the connection lives through them, and a statement that hangs is cut and tried again."""

import time
from uuid import uuid4

import pytest

from tests.chassis import probes
from tests.chassis.conftest import wait_for
from tests.chassis.test_inbox_outages import effects_of, publish_all

PREFETCH = 5


class TestAHandlerThatTakesLongerThanHeartbeats:
    """C-16: outside the database or waiting for it, it runs once, and its connection lives."""

    @pytest.mark.soak
    def test_runs_once(self, make_probe, servers):
        probe, outside, inside = make_probe("notifications").start(), uuid4(), uuid4()
        publish_all(servers, probe, [outside], probes.LONG_OUTSIDE)
        publish_all(servers, probe, [inside], probes.LONG_INSIDE)
        wait_for(lambda: probe.seen.exists() and len(probe.seen.read_text().splitlines()) == 2)
        assert probe.get("/readyz")[0] == 200

        wait_for(lambda: effects_of(probe, [outside, inside]) == {1}, 3 * probes.LONG_SECONDS)

        attempts = probe.seen.read_text()
        assert attempts.count(f"{outside} {probes.LONG_OUTSIDE} ") == 2  # Before it thinks, and when it writes.
        assert attempts.count(f"{inside} {probes.LONG_INSIDE} ") == 1
        assert "connections_lost_total{" not in probe.get("/metrics")[1].decode()
        assert probe.metric("acks_lost_total") == 0


class TestAStatementThatHangs:
    """C-17: it is cut, its message is tried again, and its worker is free for those behind."""

    def test_is_cut_and_tried_again(self, make_probe, servers):
        probe, hanging, behind = make_probe("notifications").start(), [uuid4() for _ in range(PREFETCH)], uuid4()
        publish_all(servers, probe, hanging, probes.HANGS)
        publish_all(servers, probe, [behind])
        began = time.monotonic()

        wait_for(lambda: probe.effects(behind) == 1, 15)  # Three times what a statement may take.
        print(f"those behind were handled {time.monotonic() - began:.1f} s after {PREFETCH} hung")
        wait_for(lambda: effects_of(probe, hanging) == {1}, 30, probe.log.read_text)

        assert probe.metric('database_refusals_total{reason="QueryCanceled"}') == PREFETCH
        wait_for(lambda: probe.rows("SELECT count(*) FROM parked") == [(0,)])
