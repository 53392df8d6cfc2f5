"""A service of a few lines behind a real RabbitMQ, and a gateway's bus that calls it."""

import asyncio
import contextlib
import time

import aio_pika
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis import topology, wire
from contracts import accounts
from gateway.asking import VISITOR
from tests.gateway import samples

KEY = Ed25519PrivateKey.generate()
ANSWERS = {method.name: wire.reply_result(wire.dump_result(method, result)) for method, result in samples.RESULTS.items()}


class Service:
    """Answers the calls of one service as told, and remembers them. Like the true ones, it drops what is past its deadline."""

    def __init__(self, url):
        self.url = url
        self.seen = []
        self.answer = None  # For every method; else each has its sample.
        self.delay = 0.0  # Seconds.

    async def __aenter__(self):
        self.connection = await aio_pika.connect(self.url)
        self.channel = await self.connection.channel()
        calls = await self.channel.declare_exchange(wire.CALLS, topology.calls.type, durable=True)
        self.replies = await self.channel.declare_exchange(wire.REPLIES, topology.replies.type, durable=True)
        self.queue = await self.channel.declare_queue("accounts.calls", durable=True)
        await self.queue.bind(calls, "accounts.*")
        return self

    async def serve(self):
        await self.queue.consume(self._called)

    def request_ids(self):
        """Of the calls that it executed."""
        return {message.headers["request_id"] for message in self.seen}

    async def delete(self):
        await self.queue.delete(if_unused=False, if_empty=False)

    async def __aexit__(self, *_):
        with contextlib.suppress(Exception):
            await self.delete()
        await self.connection.close()

    async def _called(self, message):
        if wire.CallHeaders.from_wire(message.headers).seconds_left() <= 0:  # The broker's own clock may be a moment late.
            await message.ack()
            return
        self.seen.append(message)
        await asyncio.sleep(self.delay)
        answer = self.answer or ANSWERS[message.routing_key]
        sent = aio_pika.Message(answer, correlation_id=message.correlation_id, user_id="accounts")
        await self.replies.publish(sent, message.reply_to)
        await message.ack()


@contextlib.asynccontextmanager
async def running(bus):
    task = asyncio.create_task(bus.run())
    try:
        await until(lambda: bus.is_up)
        yield bus
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition, seconds=10.0):
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "not in time"
        await asyncio.sleep(0.02)
    return time.monotonic() - started


def ask(bus, method=accounts.get_account, **options):
    return bus.call(method, VISITOR, **{"request_id": "request-1"} | options)
