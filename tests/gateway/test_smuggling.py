"""R-08: what a proxy might read otherwise than we do is refused and its connection closed; what it hides is never answered."""

import pytest

from tests.gateway.sockets import connected, listening, read_to_the_end, refused, send

pytestmark = pytest.mark.anyio

HEADER_SECONDS = 1.5
HIDDEN = b"GET /api/organizations HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /api/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
GET = b"GET /api/session HTTP/1.1\r\nHost: x\r\n"
EMPTY = b"\r\n\r\n0\r\n\r\n"

HEADERS = {
    "length then chunked": b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    "chunked then length": b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    "two lengths": b"Content-Length: 5\r\nContent-Length: 49",
    "the same length twice": b"Content-Length: 5\r\nContent-Length: 5",
    "list of lengths": b"Content-Length: 5, 5",
    "signed length": b"Content-Length: +5",
    "negative length": b"Content-Length: -5",
    "hexadecimal length": b"Content-Length: 0x5",
    "length of two words": b"Content-Length: 1 5",
    "length beyond 64 bits": b"Content-Length: 99999999999999999999999",
    "no length": b"Content-Length:",
    "space before a colon": b"Transfer-Encoding : chunked",
    "unknown encoding": b"Transfer-Encoding: xchunked",
    "identity": b"Transfer-Encoding: identity",
    "chunked is not the last": b"Transfer-Encoding: chunked, identity",
    "chunked is not alone": b"Transfer-Encoding: gzip, chunked",
    "two encodings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "vertical tab": b"Transfer-Encoding: \x0bchunked",
    "quotes": b'Transfer-Encoding: "chunked"',
    "folded encoding": b"Content-Length: 5\r\nTransfer-Encoding:\r\n chunked",
    "folded header": b"X: a\r\n b",
    "bare LF": b"X: a\nTransfer-Encoding: chunked",
    "bare CR": b"X: a\rTransfer-Encoding: chunked",
    "nul in a value": b"X: a\0b",
    "nul in a name": b"X\0: a",
}
CHUNKS = {
    "negative size": b"-2\r\n{}\r\n0\r\n\r\n",
    "prefixed size": b"0x2\r\n{}\r\n0\r\n\r\n",
    "size beyond 64 bits": b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    "space after a size": b"2 \r\n{}\r\n0\r\n\r\n",
    "no size": b"\r\n{}\r\n0\r\n\r\n",
    "bare LF after a size": b"2\n{}\n0\n\n",
    "bare LF in an extension": b"2;\n{}\r\n0\r\n\r\n",
    "hidden behind an extension": b"2;\nxx\r\n31\r\n0\r\n\r\n",
    "no end of a chunk": b"2\r\n{}XX0\r\n\r\n",
    "bare CR after a chunk": b"2\r\n{}\rX0\r\n\r\n",
    "length in a trailer": b"2\r\n{}\r\n0\r\nContent-Length: 40\r\n\r\n",
    "encoding in a trailer": b"2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "request as a trailer": b"2\r\n{}\r\n0\r\n",
}
# Everybody reads these alike: what follows is a second request, and is answered. So the checks above can fail.
PLAIN = {
    "length": POST + b"Content-Length: 2\r\n\r\n{}",
    "chunks": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "extension": POST + b"Transfer-Encoding: Chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\n\r\n",
    "trailer": POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Sum: b\r\n\r\n",
    "no body": GET + b"\r\n",
    "whole address": b"GET http://x/api/session HTTP/1.1\r\nHost: x\r\n\r\n",
}


def each(table):
    return pytest.mark.parametrize("sent", list(table.values()), ids=list(table))


@pytest.fixture
async def port(app):
    async with listening(app, HEADER_SECONDS) as port:
        yield port


@each(HEADERS)
async def test_r08_ambiguous_headers_are_refused(sent, port):
    refused(await send(port, POST + sent + EMPTY + HIDDEN), 400)


@each(CHUNKS)
async def test_r08_ambiguous_chunks_are_refused(sent, port):
    refused(await send(port, POST + b"Transfer-Encoding: chunked\r\n\r\n" + sent + HIDDEN), 400)


@pytest.mark.parametrize(
    "line", [b"GET /api/session HTTP/1.1\n", b"GET /api/session HTTP/1.1\r\n X: a\r\n"], ids=["lf", "folded"]
)
async def test_r08_ambiguous_lines_are_refused(line, port):
    refused(await send(port, line + b"Host: x\r\n\r\n" + HIDDEN), 400)


async def test_r08_chunks_in_http_1_0_end_the_connection(port):
    received = await send(port, POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked" + EMPTY + HIDDEN)
    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
async def test_r08_nothing_is_spoken_but_http_1(protocol, port):
    received = await send(port, GET + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n\r\n" + HIDDEN)
    assert b" 101 " not in received and received.count(b"HTTP/1.1 ") == 1


@each(PLAIN)
async def test_r08_control_what_is_clear_is_served_and_so_is_the_next(sent, port):
    one = await connected(port, sent + HIDDEN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert (await read_to_the_end(one)).count(b"HTTP/1.1 ") == 2
