"""A TCP proxy that breaks on demand: cuts, refuses, delays, or swallows what one side says."""

import asyncio
import contextlib


class Proxy:
    """Stands before one server; `port` is where to connect."""

    def __init__(self, host, port):
        self._target = (host, port)
        self._writers = set()
        self._swallowing = set()
        self._tasks = set()
        self.accepted = 0
        self.is_refusing = False
        self.is_deaf = False  # What the server sends is thrown away, on open connections and new ones.
        self.latency = 0.0  # Seconds, each way.

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self):
        """Reset every open connection."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def swallow(self, *, answers):
        """From now on the open connections are half-open: either the server's answers are thrown away, or what it is asked."""
        self._swallowing |= {(writer, answers) for writer in self._writers}

    async def _accepted(self, reader, writer):
        if self.is_refusing:
            writer.transport.abort()
            return
        self.accepted += 1
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, there_writer}
        for one in (self._pump(reader, there_writer), self._pump(there_reader, writer, is_answer=True)):
            task = asyncio.create_task(one)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, reader, writer, is_answer=False):
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if (is_answer and self.is_deaf) or (writer, is_answer) in self._swallowing:
                    continue
                if self.latency:
                    asyncio.get_running_loop().call_later(self.latency, writer.write, data)
                else:
                    writer.write(data)
                    await writer.drain()
        self._writers.discard(writer)
        writer.transport.abort()
