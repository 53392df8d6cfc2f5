"""Who sends or reads slowly keeps nobody else out: against a true socket, with room for very few."""

import asyncio
import socket
import time
from dataclasses import replace

import httpx
import pytest

from gateway.app import make_app
from gateway.assets import FROM_WHEELS
from gateway.health import Health
from gateway.server import MOST_PIPELINED, GuardedProtocol
from tests.gateway import samples
from tests.gateway.sockets import connected, listening, read_to_the_end, refused, send

pytestmark = pytest.mark.anyio

BODY_SECONDS, WRITE_SECONDS = 1.5, 0.6
POST = b"POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
PAGE = b"GET /connexion HTTP/1.1\r\nHost: x\r\n\r\n"
DOCUMENT = b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
BUNDLE = b"GET /static/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
def narrow(settings):
    """Room for very few."""
    return replace(settings, most_in_flight=2, most_bodies=4, most_body_bytes=100_000, body_seconds=BODY_SECONDS)


@pytest.fixture
async def port(bus, narrow):
    samples.answer_all(bus)
    async with listening(make_app(bus, Health(bus, {}), narrow), 5.0, WRITE_SECONDS) as port:
        yield port


@pytest.fixture(autouse=True)
def small_buffers(monkeypatch):
    """What the server may write ahead of its reader is less than a page; else the system would take megabytes."""

    def connection_made(self, transport):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        transport.set_write_buffer_limits(high=1024)
        made(self, transport)

    made = GuardedProtocol.connection_made
    monkeypatch.setattr(GuardedProtocol, "connection_made", connection_made)


async def is_served(port):
    """Whether somebody who sends and reads as people do is answered at once."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        started = time.monotonic()
        statuses = [(await client.get("/connexion")).status_code]
        statuses += [(await client.post("/api/sessions", json={"email": text})).status_code for text in ("x", "x" * 50_000)]
        return statuses == [200, 422, 422] and time.monotonic() - started < BODY_SECONDS


class TestSlowSenders:
    async def test_crowd_out_one_another_only(self, port):
        started = time.monotonic()
        crawling = []
        for _ in range(12):
            crawling.append(asyncio.create_task(send(port, POST + b"1000\r\n\r\n{", patience=2 * BODY_SECONDS)))
            await asyncio.sleep(0.02)
        assert await is_served(port)
        for one in crawling[:8]:
            refused(await one, 408)
        assert time.monotonic() - started < BODY_SECONDS
        for one in crawling[8:]:
            refused(await one, 408)

    async def test_hold_no_more_than_so_many_bytes_in_all(self, port):
        started = time.monotonic()
        first = asyncio.create_task(send(port, POST + b"60000\r\n\r\n" + b" " * 40_000))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(send(port, POST + b"60000\r\n\r\n" + b" " * 40_000)) for _ in range(2)]
        refused(await first, 408)
        assert time.monotonic() - started < BODY_SECONDS
        for one in others:
            refused(await one, 408)

    async def test_that_leave_leave_their_room(self, port):
        for _ in range(20):
            (await connected(port, POST + b"60000\r\n\r\n" + b" " * 40_000)).close()
        await asyncio.sleep(0.05)
        answer = await send(port, POST + b"2\r\n\r\n{", b"}")
        refused(answer, 422)


class TestUnreadAnswers:
    async def test_keep_nobody_out_and_are_cut(self, port):
        silent = [await connected(port, PAGE * MOST_PIPELINED, room=4096) for _ in range(6)]
        await asyncio.sleep(0.2)
        assert await is_served(port)
        await asyncio.sleep(2 * WRITE_SECONDS)
        assert all([(await read_to_the_end(one)).count(b"</html>") < MOST_PIPELINED for one in silent])

    async def test_of_a_connection_that_is_closing_are_cut_too(self, port):
        one = await connected(port, DOCUMENT, room=4096)
        await asyncio.sleep(2 * WRITE_SECONDS)
        received = await read_to_the_end(one)
        assert received.startswith(b"HTTP/1.1 200") and not received.endswith(b"}")

    async def test_are_waited_for_while_they_are_read(self, port):
        started = time.monotonic()
        received = await read_to_the_end(await connected(port, BUNDLE), pause=0.04)
        assert time.monotonic() - started > WRITE_SECONDS
        assert len(received) > FROM_WHEELS["swagger-ui-bundle.js"].locate().stat().st_size

    async def test_to_too_many_requests_ahead_are_not_even_begun(self, port):
        assert (await read_to_the_end(await connected(port, PAGE * 5000))).count(b"</html>") <= 1
        assert await is_served(port)
