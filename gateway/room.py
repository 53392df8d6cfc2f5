"""How much is done at once: bodies being received, requests being answered. Whatever is full says so at once; nobody queues."""

import asyncio
import contextlib
from collections.abc import Iterator

from starlette.requests import Request

from gateway import metrics
from gateway.problems import BodyIsTooLarge, BodyIsTooSlow, TooBusy
from gateway.settings import Settings


class Room:
    """What there is room for, in numbers and in memory.

    A request takes a place among those being answered only when its body is there, and leaves it before its answer is sent:
    who sends or reads slowly keeps nobody else out.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._answering = 0
        self._receiving: dict[asyncio.Timeout, int] = {}  # The bytes held for each body, the oldest first.

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """A place among the requests being answered; TooBusy when there is none."""
        if self._answering >= self._settings.most_in_flight:
            raise TooBusy()
        self._answering += 1
        metrics.in_flight.set(self._answering)
        try:
            yield
        finally:
            self._answering -= 1
            metrics.in_flight.set(self._answering)

    async def body(self, request: Request) -> bytes:
        """The whole body; refused as soon as it is known to be too large, and when it takes too long.

        With too many of them, the one that has taken longest is given up: senders that crawl crowd out one another only.
        """
        announced = request.headers.get("content-length", "0")
        if not announced.isdecimal() or int(announced) > self._settings.largest_body:
            raise BodyIsTooLarge()
        try:
            async with asyncio.timeout(self._settings.body_seconds) as patience:
                try:
                    return await self._receive(request, patience)
                finally:
                    self._receiving.pop(patience, None)
        except TimeoutError:
            raise BodyIsTooSlow() from None

    async def _receive(self, request: Request, patience: asyncio.Timeout) -> bytes:
        body = bytearray()
        self._hold(patience, 0)
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._settings.largest_body:
                raise BodyIsTooLarge()
            self._hold(patience, len(body))
        return bytes(body)

    def _hold(self, patience: asyncio.Timeout, size: int) -> None:
        self._receiving[patience] = size
        while self._is_full():
            oldest = next(iter(self._receiving))
            del self._receiving[oldest]
            if not oldest.expired():
                oldest.reschedule(asyncio.get_running_loop().time())

    def _is_full(self) -> bool:
        limits = self._settings
        return len(self._receiving) > limits.most_bodies or sum(self._receiving.values()) > limits.most_body_bytes
