"""The gateway on a true socket, and clients that say and read what they like."""

import asyncio
import contextlib
import socket

import orjson

from gateway.server import server
from operations.local.ports import free_port


@contextlib.asynccontextmanager
async def listening(app, *seconds):
    """Serve an application; give its port."""
    port = free_port()
    running = server(app, "127.0.0.1", port, *seconds)
    task = asyncio.create_task(running.serve())
    while not running.started:  # noqa: ASYNC110 - uvicorn gives no event
        await asyncio.sleep(0.01)
    yield port
    running.should_exit = True
    await task


async def send(port, *parts, patience=5.0):
    """Send these bytes; return all that comes back until the server closes or falls silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    with contextlib.suppress(OSError, TimeoutError):
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(patience):
            while data := await reader.read(65_536):
                received += data
                if received.endswith(b"}"):
                    break
    writer.close()
    return received


def refused(received, status):
    """Say whether this is one problem document of this status, and nothing after it."""
    assert received.count(b"HTTP/1.1 ") == 1
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()) and b"application/problem+json" in head
    document, names = orjson.loads(body), head.lower()
    assert document["status"] == status
    assert b"x-content-type-options: nosniff" in names and b"cache-control: no-store" in names
    assert f"x-request-id: {document['request_id']}".encode() in names


async def connected(port, sent, room=None):
    """A socket that has sent this; `room` is for what comes back, in bytes."""
    loop, one = asyncio.get_running_loop(), socket.socket()
    if room:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    one.setblocking(False)
    await loop.sock_connect(one, ("127.0.0.1", port))
    await loop.sock_sendall(one, sent)
    return one


async def read_to_the_end(one, pause=0.0):
    """All that comes until the other side closes or resets."""
    received = b""
    with one, contextlib.suppress(OSError):
        while data := await asyncio.get_running_loop().sock_recv(one, 65_536):
            received += data
            await asyncio.sleep(pause)
    return received
