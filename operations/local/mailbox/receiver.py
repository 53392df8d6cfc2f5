"""The SMTP side of the mailbox."""

import asyncio
import functools

from aiosmtpd.smtp import SMTP

LARGEST = 30 * 1024 * 1024


class Receiver:
    """Keeps each mail, unless it was told to fail."""

    def __init__(self, store):
        self.store = store
        self.failure = None

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - the library's name
        if self.failure and self.failure.strikes(envelope.rcpt_tos):
            await asyncio.sleep(self.failure.delay)
            if self.failure.reply:
                return self.failure.reply
        name = self.store.add(envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content)
        return f"250 2.0.0 Kept as {name}"


async def listen(receiver, host, port):
    """Start to take mails; return the listening server."""
    protocol = functools.partial(
        SMTP, receiver, hostname="mailbox.example", data_size_limit=LARGEST, enable_SMTPUTF8=True, ident="mailbox"
    )
    return await asyncio.get_running_loop().create_server(protocol, host, port)
