"""The gateway while its way to the broker breaks: what it answers meanwhile, and how soon it serves again by itself.

Bars: 503 with Retry-After within 2 s, without effect; served again within 10 s after a crash, within 15 s half-open. Time-outs
here are three times those; the measured seconds are printed.
"""

import asyncio
import contextlib
import gc
import itertools
import time
import uuid

import httpx
import pytest
from pamqp import commands

from gateway import bus as bus_module
from gateway.amqp import Connection
from gateway.app import make_app
from gateway.bus import Bus, Link
from gateway.health import Health
from tests.gateway import samples
from tests.gateway.callee import KEY, running, until
from tests.gateway.conftest import SITE, is_problem
from tests.sizes import sized

pytestmark = pytest.mark.anyio

ANSWERED, AFTER_CRASH, AFTER_HALF_OPEN = 6.0, 30.0, 45.0  # Seconds: three times the bars.
READ, CHANGE = ("GET", f"/api/email-confirmations/{samples.LINK}"), ("POST", "/api/sessions")


class Visitor:
    """Asks a gateway, one request after the other, and remembers what came of each."""

    def __init__(self, bus, settings):
        app = make_app(bus, Health(bus, {}), settings)
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=SITE)
        self.refused = set()
        self.slowest = 0.0

    async def ask(self, request=CHANGE):
        """Its status; every refusal is a whole problem document, and says when to come back."""
        request_id = uuid.uuid4().hex
        body = {"json": samples.BODIES["LogIn"]} if request is CHANGE else {}
        self._client.cookies.clear()  # A log-in would make each read two calls.
        started = time.monotonic()
        async with asyncio.timeout(ANSWERED):
            response = await self._client.request(*request, headers={"X-Request-Id": request_id}, **body)
        self.slowest = max(self.slowest, time.monotonic() - started)
        if response.status_code >= 400:
            is_problem(response, response.status_code)
        if response.status_code == 503:
            assert int(response.headers["retry-after"]) > 0
            self.refused.add(request_id)
        return response.status_code

    async def ask_for(self, seconds, pause=0.1):
        """The statuses met in so many seconds."""
        end, met = time.monotonic() + seconds, set()
        while time.monotonic() < end:
            met |= {await self.ask(CHANGE), await self.ask(READ)}
            await asyncio.sleep(pause)
        return met

    async def served_again(self, seconds):
        """The seconds until a request is answered."""
        started = time.monotonic()
        while not {await self.ask(CHANGE), await self.ask(READ)} <= {200, 201}:
            assert time.monotonic() - started < seconds, "not served again in time"
            await asyncio.sleep(0.05)
        return time.monotonic() - started


@pytest.fixture
async def bus(proxy, service):
    await service.serve()
    async with running(Bus(proxy.url, KEY)) as bus:
        yield bus


@pytest.fixture
async def visitor(bus, settings):
    visitor = Visitor(bus, settings)
    assert await visitor.ask() == 201
    yield visitor
    print(f"slowest answer {visitor.slowest:.2f} s")


@pytest.mark.soak
async def test_n01_crash(visitor, proxy, service):
    proxy.is_refusing = True
    proxy.cut()
    assert await visitor.ask_for(sized(4, 20)) == {503}

    proxy.is_refusing = False
    print(f"served again after {await visitor.served_again(AFTER_CRASH):.1f} s")

    assert not visitor.refused & service.request_ids()


@pytest.mark.parametrize("answers", [True, False], ids=["n03 deaf", "n04 mute"])
async def test_half_open(answers, visitor, proxy, service):
    """What was written to it before it was noticed may have been done (n03); nothing else is."""
    proxy.swallow(answers=answers)

    print(f"served again after {await visitor.served_again(AFTER_HALF_OPEN):.1f} s")

    assert len(visitor.refused & service.request_ids()) <= int(answers)


@pytest.mark.parametrize("answers", [True, False], ids=["n03 deaf", "n04 mute"])
async def test_half_open_and_nobody_asks(answers, bus, proxy):
    connected = bus._link
    proxy.swallow(answers=answers)

    seconds = await until(lambda: bus.is_up and bus._link is not connected, AFTER_HALF_OPEN)

    print(f"replaced after {seconds:.1f} s")


@pytest.mark.soak
async def test_n03_deaf_for_a_while(visitor, proxy):
    """New connections hear nothing either."""
    proxy.is_deaf = True
    assert await visitor.ask_for(sized(4, 20)) == {503}

    proxy.is_deaf = False

    print(f"served again after {await visitor.served_again(AFTER_HALF_OPEN):.1f} s")


async def test_n08_only_the_channel_is_closed(visitor, bus, service):
    service.delay = 1.0
    in_flight = asyncio.create_task(visitor.ask())
    await until(lambda: len(service.seen) == 2)
    service.delay = 0.0

    bus._link._connection._send(commands.Basic.Ack(99))  # PRECONDITION_FAILED: there is no such tag.

    assert await in_flight == 503
    print(f"served again after {await visitor.served_again(AFTER_CRASH):.1f} s")


@pytest.mark.soak
async def test_n06_reset_every_half_second(visitor, proxy):
    async def reset():
        while True:
            proxy.cut()
            await asyncio.sleep(0.5)

    before, storm = proxy.accepted, asyncio.create_task(reset())
    met = await visitor.ask_for(sized(5, 30), pause=0.05)
    storm.cancel()

    assert met <= {200, 201, 503} and 503 in met
    print(f"{proxy.accepted - before} connections; served again after {await visitor.served_again(AFTER_CRASH):.1f} s")
    assert proxy.accepted - before < sized(5, 30) * 4  # The waits between them grow.


class TestLatency:
    """N-07: half a second each way."""

    async def test_answers_are_right_and_connecting_works(self, visitor, proxy):
        proxy.latency = 0.5
        assert [await visitor.ask(CHANGE), await visitor.ask(READ)] == [201, 200]

        proxy.cut()

        print(f"served again after {await visitor.served_again(AFTER_CRASH):.1f} s")

    async def test_a_missed_deadline_is_a_clean_504(self, visitor, proxy, service):
        proxy.latency, service.delay = 0.5, 4.2  # The answer comes 0.2 s too late.
        assert await visitor.ask(READ) == 504


async def break_with_requests_in_flight(visitor, proxy, bus):
    before, in_flight = bus._link, [asyncio.create_task(visitor.ask()) for _ in range(3)]
    await asyncio.sleep(0)
    proxy.cut()
    await asyncio.gather(*in_flight)
    await until(lambda: bus.is_up and bus._link is not before)


@pytest.mark.soak
async def test_nothing_is_left_of_connections_that_broke(visitor, proxy, bus, monkeypatch):
    monkeypatch.setattr(bus_module, "waits", lambda: itertools.repeat(0.01))
    proxy.cut()  # The waits of the first outage are the old ones.
    await visitor.served_again(AFTER_CRASH)
    await asyncio.sleep(0.5)
    tasks = len(asyncio.all_tasks())

    for _ in range(sized(10, 200)):
        await break_with_requests_in_flight(visitor, proxy, bus)

    await visitor.served_again(AFTER_CRASH)
    await asyncio.sleep(0.5)
    assert len(asyncio.all_tasks()) <= tasks
    gc.collect()
    alive = [one for one in gc.get_objects() if isinstance(one, Link | Connection)]
    assert len(alive) == 2, alive
    assert not bus._link._waiting and not bus._link._unconfirmed


async def test_it_stops_while_it_is_down(proxy):
    proxy.is_refusing = True
    task = asyncio.create_task(Bus(proxy.url, KEY).run())
    await asyncio.sleep(0.5)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
