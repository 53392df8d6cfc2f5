"""A real SMTP server on a free port, that answers as a test wants."""

import asyncio
import threading
from contextlib import contextmanager

from aiosmtpd.smtp import SMTP


class Inbox:
    """Keeps what it takes, and answers `rcpt` to a recipient, `data` to a body.

    `seconds` makes it slow to take a body; `before_answer` is called between taking and saying so.
    """

    def __init__(self, *, rcpt="250 OK", data="250 OK", seconds=0.0):
        self.rcpt, self.data, self.seconds = rcpt, data, seconds
        self.envelopes = []
        self.session_count = 0
        self.before_answer = lambda: None

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        self.session_count += 1
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server, session, envelope):
        await asyncio.sleep(self.seconds)
        if self.data.startswith("250"):
            self.envelopes.append(envelope)
        self.before_answer()
        return self.data


@contextmanager
def mail_server(inbox, port=0, **options):
    """Serve `inbox`, on a free port unless one is named; gives the port."""
    loop, started, stop, opened = asyncio.new_event_loop(), threading.Event(), asyncio.Event(), []

    async def serve():
        factory = lambda: SMTP(inbox, hostname="mail.example", loop=loop, **options)  # noqa: E731
        server = await loop.create_server(factory, "127.0.0.1", port)
        opened.append(server.sockets[0].getsockname()[1])
        started.set()
        await stop.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(5)
    try:
        yield opened[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()
