"""The gateway before a broker that takes nothing, freezes, or locks it out: on the private servers of this package."""

import asyncio
import contextlib
import time

import pytest

from gateway.bus import Bus
from tests.gateway.callee import KEY, running
from tests.gateway.conftest import anyio_backend, own_vhost, plain_logs, service, settings  # noqa: F401 - fixtures
from tests.gateway.test_faults import AFTER_CRASH, AFTER_HALF_OPEN, Visitor
from tests.sizes import sized

pytestmark = [pytest.mark.anyio, pytest.mark.soak]


@pytest.fixture
async def visitor(servers, own_vhost, service, settings):  # noqa: F811
    await service.serve()
    async with running(Bus(servers.broker_url("gateway", own_vhost), KEY)) as bus:
        visitor = Visitor(bus, settings)
        assert await visitor.ask() == 201
        yield visitor
    print(f"slowest answer {visitor.slowest:.2f} s")


@contextlib.asynccontextmanager
async def during(fault):
    """The faults are made by commands that take a second: beside the loop."""
    await asyncio.to_thread(fault.__enter__)
    try:
        yield
    finally:
        await asyncio.to_thread(fault.__exit__, None, None, None)


class TestAlarm:
    """N-09: the broker takes nothing, and says so once it was given something."""

    @pytest.mark.parametrize("kind", ["disk", "memory"])
    async def test_blocks_nobody_and_what_was_refused_is_not_done(self, kind, visitor, servers, service):  # noqa: F811
        async with during(servers.alarm(kind)):
            await visitor.ask_for(1)  # The first is not confirmed in time.
            began = time.monotonic()
            assert await visitor.ask_for(sized(6, 60)) == {503}  # Past the deadline of the first.
            print(f"{len(visitor.refused)} refused in {time.monotonic() - began:.1f} s")

        print(f"served again after {await visitor.served_again(AFTER_CRASH):.1f} s")
        assert not visitor.refused & service.request_ids()


class TestFreeze:
    """N-02: every socket stays open and nobody answers."""

    async def test_is_told_and_survived(self, visitor, servers):
        async with during(servers.frozen("rabbitmq")):
            await asyncio.sleep(0.5)  # Its many threads do not stop at the same instant.
            assert await visitor.ask_for(sized(5, 20)) == {503}

        print(f"served again after {await visitor.served_again(AFTER_HALF_OPEN):.1f} s")


class TestLockedOut:
    """N-16: neither a spin nor an end, and served again when let in."""

    async def test_is_told_and_survived(self, visitor, servers):
        async with during(servers.locked_out("gateway")):
            assert 503 in await visitor.ask_for(sized(3, 20))

        print(f"served again after {await visitor.served_again(AFTER_CRASH):.1f} s")
