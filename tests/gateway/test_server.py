"""The HTTP server against hostile clients: slow, oversized, ambiguous."""

import asyncio
import base64
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import time

import httpx
import orjson
import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.server import Server
from operations.local.ports import free_port
from tests.gateway.sockets import listening, refused, send

pytestmark = pytest.mark.anyio
HEADER_SECONDS = 1.5


@pytest.fixture
async def port(app):
    async with listening(app, HEADER_SECONDS) as port:
        yield port


async def test_r06_slow_headers_are_cut_while_others_are_served(port):
    async def crawl():
        started = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
        with contextlib.suppress(OSError):
            while not reader.at_eof() and time.monotonic() - started < 10:
                writer.write(b"X-Slow: x\r\n")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        await reader.read(1000)
        writer.close()
        return time.monotonic() - started

    crawling = [asyncio.create_task(crawl()) for _ in range(500)]
    await asyncio.sleep(0.3)
    seconds = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(50):
            started = time.monotonic()
            assert (await client.get("/api/session")).status_code == 401
            seconds.append(time.monotonic() - started)
    cut = await asyncio.gather(*crawling)
    print(f"served in {statistics.median(seconds) * 1000:.0f} ms (longest {max(seconds) * 1000:.0f}), cut in {max(cut):.1f} s")
    assert max(seconds) < 3
    assert min(cut) >= HEADER_SECONDS * 0.9 and max(cut) < 10


async def test_r06_control_uvicorn_alone_never_cuts_them(app):
    """Why the guard is there; when this fails, uvicorn has learnt it and the guard may go."""
    port = free_port()
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, http=HttpToolsProtocol, lifespan="off", log_config=None, timeout_keep_alive=1
    )
    running = Server(config)
    task = asyncio.create_task(running.serve())
    while not running.started:  # noqa: ASYNC110 - uvicorn gives no event
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2 * HEADER_SECONDS):
            await reader.read(1)
    writer.close()
    running.should_exit = True
    await task


@pytest.mark.parametrize("silence", [b"", b"\r\n", b"GET"])
async def test_a_connection_that_says_nothing_is_cut(silence, port):
    started = time.monotonic()
    await send(port, silence)
    assert time.monotonic() - started < 3 * HEADER_SECONDS


@pytest.mark.parametrize("line", [b"\x16\x03\x01\x02", b"GET /\xff HTTP/1.1", b"CONNECT x:1 HTTP/1.1", b"GET / HTTP/9.9"])
async def test_what_is_no_request_is_refused(line, port):
    refused(await send(port, line + b"\r\nHost: x\r\n\r\n"), 400)


@pytest.mark.parametrize("hosts", [b"", b"Host: x\r\nHost: x\r\n", b"Host: x\r\nHOST: y\r\n"])
async def test_a_request_names_its_host_once(hosts, port):
    """RFC 9112, 3.2: a proxy might have chosen another one than we would."""
    refused(await send(port, b"GET /api/session HTTP/1.1\r\n" + hosts + b"\r\n"), 400)


async def test_http_1_0_needs_no_host(port):
    assert b" 401 " in await send(port, b"GET /api/session HTTP/1.0\r\n\r\n")
    refused(await send(port, b"GET /api/session HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n"), 400)


async def test_oversized_headers_are_refused(port):
    refused(await send(port, b"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + b"a" * 40_000 + b"\r\n\r\n"), 431)
    assert b"HTTP/1.1 431" in await send(port, b"GET / HTTP/1.1\r\n", *[b"X-Some: more\r\n" * 100] * 100)


async def test_r07_a_client_that_sends_too_much_still_reads_why(port):
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    head = b"POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    refused(await send(port, head + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 160), 413)
    refused(await send(port, head + b"Content-Length: 10485760\r\n\r\n", *[b" " * 65_536] * 160), 413)


async def test_a_connection_serves_many_requests(port):
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=httpx.Limits(max_connections=1)) as client:
        for _ in range(3):
            assert (await client.post("/api/sessions", json={"email": 1})).status_code == 422
            await asyncio.sleep(HEADER_SECONDS * 0.7)


def start(settings):
    return subprocess.Popen([sys.executable, "-m", "gateway"], env=settings, stderr=subprocess.PIPE)


async def test_the_process_lives_and_refuses_without_a_broker(tmp_path):
    port, health_port = free_port(), free_port()
    (tmp_path / "cookie").write_text("00" * 32 + "\n")
    settings = {
        "PATH": os.environ["PATH"],
        "GATEWAY_AMQP_URL": f"amqp://gateway:x@127.0.0.1:{free_port()}/emplois",
        "GATEWAY_SIGNING_KEY": base64.b64encode(bytes(32)).decode(),
        "GATEWAY_COOKIE_KEY_FILE": str(tmp_path / "cookie"),
        "GATEWAY_PORT": str(port),
        "GATEWAY_HEALTH_PORT": str(health_port),
        "GATEWAY_SERVICES_HEALTH": "accounts=http://127.0.0.1:9,sync=http://127.0.0.1:9",
    }
    process = await asyncio.to_thread(start, settings)
    try:
        health = httpx.AsyncClient(base_url=f"http://127.0.0.1:{health_port}")
        for _ in range(200):
            with contextlib.suppress(httpx.TransportError):
                if (await health.get("/livez")).status_code == 200:
                    break
            await asyncio.sleep(0.05)
        assert (await health.get("/readyz")).status_code == 503
        assert (await health.get("/healthz")).json()["checks"]["broker"][0]["status"] == "fail"
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            started = time.monotonic()
            answer = await client.post("/api/sessions", json={"email": "a@b.example", "password": "x"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert time.monotonic() - started < 2
        await health.aclose()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 10) == 0
        lines = [orjson.loads(line) for line in process.stderr.read().splitlines()]
        assert {"starting", "broker_connection_failed", "request_served"} <= {line["event"] for line in lines}
    finally:
        process.kill()
        process.stderr.close()
        process.wait()
