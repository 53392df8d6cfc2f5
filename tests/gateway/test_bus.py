"""The gateway's way to call, against a real RabbitMQ and a service of a few lines."""

import asyncio
import contextlib
import time
from dataclasses import replace
from hashlib import sha256

import orjson
import pytest

from chassis import wire
from chassis.subject import verify_subject
from contracts import accounts
from contracts.accounts import SessionHasEnded
from gateway.asking import VISITOR
from gateway.bus import Bus, MessageWasReturned
from tests.gateway import samples
from tests.gateway.callee import KEY, ask, running, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def bus(servers, own_vhost, service):
    async with running(Bus(servers.broker_url("gateway", own_vhost), KEY)) as bus:
        yield bus


class TestCall:
    async def test_gives_the_result(self, bus, service):
        await service.serve()
        assert await ask(bus) == samples.OWN_ACCOUNT

    async def test_says_all_that_the_wire_asks(self, bus, service):
        await service.serve()
        deadline = time.time() + 2
        await ask(bus, deadline=deadline, idempotency_key="unused by a read")
        (message,) = service.seen
        headers = wire.CallHeaders.from_wire(message.headers)
        assert (message.user_id, message.content_type, message.delivery_mode) == ("gateway", "application/json", 1)
        assert message.reply_to.startswith("gateway.replies.")
        assert 1.0 < float(message.expiration) <= 2.0
        assert (headers.deadline, headers.request_id, headers.idempotency_key) == (deadline, "request-1", None)
        assert verify_subject(headers.subject, {"gateway": KEY.public_key()}) == VISITOR

    async def test_gives_a_key_to_what_changes(self, bus, service):
        service.answer = wire.reply_result(None)
        await service.serve()
        await ask(bus, accounts.log_out, idempotency_key="mine")
        await ask(bus, accounts.log_out)
        keys = [message.headers["idempotency_key"] for message in service.seen]
        assert keys[0] == sha256(b"mine").hexdigest()
        assert keys[1] != keys[0] and len(keys[1]) == 64

    @pytest.mark.parametrize("key", ["k" * 200_000, "\0", "\ud800", "é"], ids=["long", "nul", "surrogate", "accent"])
    async def test_a_strange_key_is_no_danger_to_the_connection(self, key, bus, service):
        """Headers are one frame: beyond 128 KiB the broker closes the connection, and nobody is served."""
        service.answer = wire.reply_result(None)
        await service.serve()
        link = bus._link
        await ask(bus, accounts.log_out, idempotency_key=key)
        assert bus.is_up and bus._link is link

    async def test_raises_the_refusal(self, bus, service):
        service.answer = wire.reply_refusal(SessionHasEnded())
        await service.serve()
        with pytest.raises(SessionHasEnded):
            await ask(bus, accounts.get_session, session_token="x")

    async def test_raises_a_failure(self, bus, service):
        service.answer = wire.reply_failure("request-1")
        await service.serve()
        with pytest.raises(wire.CallFailed):
            await ask(bus)

    async def test_many_at_once_get_their_own_answers(self, bus, service):
        await service.serve()
        results = await asyncio.gather(*(ask(bus) for _ in range(200)))
        assert len(results) == len(service.seen) == 200
        assert len({message.correlation_id for message in service.seen}) == 200
        assert len({message.reply_to for message in service.seen}) == 1


class TestDeadline:
    async def test_r01_nobody_serves_then_nobody_executes_it_later(self, bus, service):
        started = time.monotonic()
        with pytest.raises(wire.CallTimedOut):
            await ask(bus, deadline=time.time() + 1.0)
        assert time.monotonic() - started < 1.5
        await service.serve()
        await asyncio.sleep(0.5)
        assert service.seen == []

    async def test_the_method_s_own_is_the_default(self, bus, service):
        started = time.monotonic()
        with pytest.raises(wire.CallTimedOut):
            await ask(bus)
        assert accounts.get_account.deadline <= time.monotonic() - started < accounts.get_account.deadline + 1

    async def test_a_late_answer_disturbs_nobody(self, bus, service):
        service.delay = 0.6
        await service.serve()
        with pytest.raises(wire.CallTimedOut):
            await ask(bus, deadline=time.time() + 0.2)
        service.delay = 0.0
        await asyncio.sleep(0.6)
        assert await ask(bus) == samples.OWN_ACCOUNT

    async def test_one_that_is_over_publishes_nothing(self, bus, service):
        await service.serve()
        with pytest.raises(wire.CallTimedOut):
            await ask(bus, deadline=time.time() - 0.1)
        assert service.seen == []


class TestBroker:
    async def test_gives_back_what_no_queue_takes(self, bus, service):
        await service.delete()
        with pytest.raises(MessageWasReturned):
            await ask(bus)

    async def test_down_then_back(self, proxy, service):
        await service.serve()
        async with running(Bus(proxy.url, KEY)) as bus:
            service.delay = 3
            in_flight = asyncio.create_task(ask(bus))
            await until(lambda: service.seen)
            proxy.is_refusing = True
            proxy.cut()
            started = time.monotonic()
            with pytest.raises(wire.BusIsDown):
                await in_flight
            assert time.monotonic() - started < 1
            for _ in range(3):
                with pytest.raises(wire.BusIsDown):
                    await ask(bus)
            assert time.monotonic() - started < 2
            service.delay = 0
            proxy.is_refusing = False
            await until(lambda: bus.is_up)
            assert await ask(bus) == samples.OWN_ACCOUNT

    async def test_half_open_is_told_at_once_and_replaced(self, proxy, service):
        await service.serve()
        async with running(Bus(proxy.url, KEY)) as bus:
            proxy.is_deaf = True
            started = time.monotonic()
            with pytest.raises(wire.BusIsDown):
                await ask(bus)
            assert time.monotonic() - started < 2
            await until(lambda: not bus.is_up)
            proxy.is_deaf = False
            await until(lambda: bus.is_up, seconds=15)
            assert await ask(bus) == samples.OWN_ACCOUNT

    async def test_half_open_is_noticed_when_nobody_calls(self, proxy, service):
        async with running(Bus(proxy.url, KEY)) as bus:
            proxy.is_deaf = True
            seconds = await until(lambda: not bus.is_up, seconds=15)
            print(f"half-open noticed after {seconds:.1f} s")

    async def test_absent_at_the_start_is_waited_for(self, proxy, service):
        await service.serve()
        proxy.is_refusing = True
        bus = Bus(proxy.url, KEY)
        task = asyncio.create_task(bus.run())
        await asyncio.sleep(0.5)
        with pytest.raises(wire.BusIsDown):
            await ask(bus)
        proxy.is_refusing = False
        await until(lambda: bus.is_up)
        assert await ask(bus) == samples.OWN_ACCOUNT
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def test_takes_no_call_in_another_s_name(self, bus, service):
        await service.serve()
        bus._link._address = replace(bus._link._address, user="accounts")
        with pytest.raises(wire.BusIsDown):
            await ask(bus)
        assert service.seen == []
        await until(lambda: not bus.is_up)
        await until(lambda: bus.is_up)
        assert await ask(bus) == samples.OWN_ACCOUNT


def test_bodies_are_json():
    assert orjson.loads(wire.dump_request(accounts.get_account, {})) == {}
