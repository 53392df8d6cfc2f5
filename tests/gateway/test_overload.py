"""R-12: three times what a service can do is asked of it, through the gateway."""

import asyncio
import time
from collections import Counter

import pytest

from chassis.subject import read_private_key
from gateway.bus import Bus
from tests.chassis.conftest import make_probe  # noqa: F401 - a fixture
from tests.gateway.callee import running
from tests.gateway.test_faults import READ, Visitor
from tests.sizes import sized

pytestmark = [pytest.mark.anyio, pytest.mark.soak]

TOLD, AGAIN = 3.0, 30.0  # Seconds: three times the bars of 1 and 10.
LOAD_SECONDS = sized(5, 60)


class Crowd:
    """Many visitors, and what they were told."""

    def __init__(self, visitor):
        self.visitor = visitor
        self.statuses = Counter()
        self.slowest = Counter()

    async def ask(self):
        started = time.monotonic()
        status = await self.visitor.ask(READ)
        self.statuses[status] += 1
        self.slowest[status] = max(self.slowest[status], time.monotonic() - started)

    async def in_turns(self, count, seconds):
        """So many at once, each when the one before has its answer; the answers a second."""
        end = time.monotonic() + seconds

        async def one():
            while time.monotonic() < end:
                await self.ask()

        await asyncio.gather(*(one() for _ in range(count)))
        return self.statuses[200] / seconds

    async def at_rate(self, rate, seconds):
        """So many a second, whatever becomes of those before; the answers a second."""
        started, asked = time.monotonic(), []
        while (now := time.monotonic()) < started + seconds:
            due = int((now - started) * rate) - len(asked)
            asked += [asyncio.create_task(self.ask()) for _ in range(due)]
            await asyncio.sleep(0.005)
        served = self.statuses[200]
        await asyncio.gather(*asked)
        return served / seconds


@pytest.fixture
async def visitor(make_probe, servers, settings):  # noqa: F811
    probe = make_probe("accounts")
    key = servers.secrets["GATEWAY_SIGNING_KEY"]
    await asyncio.to_thread(probe.start)
    async with running(Bus(servers.broker_url("gateway", probe.vhost), read_private_key(key))) as bus:
        yield Visitor(bus, settings)


async def test_r12_three_times_the_capacity(visitor):
    capacity = await Crowd(visitor).in_turns(12, 4.0)
    crowd = Crowd(visitor)

    goodput = await crowd.at_rate(3 * capacity, LOAD_SECONDS)

    started = time.monotonic()
    while await visitor.ask(READ) != 200:
        assert time.monotonic() - started < AGAIN
    print(f"capacity {capacity:.0f}/s, goodput {goodput:.0f}/s, {dict(crowd.statuses)}, slowest {dict(crowd.slowest)}")
    print(f"served at once again after {time.monotonic() - started:.2f} s")
    assert set(crowd.statuses) <= {200, 429, 503}
    assert crowd.slowest[503] < TOLD
    assert goodput >= 0.8 * capacity
