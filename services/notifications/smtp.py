"""One conversation at a time with the mail server, and what its answers mean for a mail."""

import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from types import TracebackType
from urllib.parse import parse_qs, unquote, urlsplit

from services.notifications.domain import DELIVERED, Outcome

TIME_OUT = 30.0  # Seconds, for the connection, then for the whole of one mail's conversation.
STARTTLS = ("required", "offered", "never")
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_ENHANCED_STATUS = re.compile(rb"^([245]\.\d{1,3}\.\d{1,3})\b")


@dataclass(frozen=True)
class MailServer:
    """Where mails leave. `starttls` says whether a plain connection must, may or must not turn to TLS."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    is_tls: bool = False
    starttls: str = "offered"

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port})"


def read_url(url: str) -> MailServer:
    """The server named by `smtp://[user:password@]host[:port][?starttls=required|offered|never]`, or `smtps://…`."""
    parts = urlsplit(url)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("SMTP_URL must look like smtp://[user:password@]host[:port] or smtps://…")
    starttls = parse_qs(parts.query).get("starttls", ["required" if parts.username else "offered"])[0]
    if starttls not in STARTTLS:
        raise ValueError(f"SMTP_URL: starttls is one of {', '.join(STARTTLS)}")
    if parts.username and parts.scheme == "smtp" and starttls != "required" and parts.hostname not in _LOOPBACK:
        raise ValueError("SMTP_URL: a password leaves this machine under TLS only (smtps://, or ?starttls=required)")
    return MailServer(
        host=parts.hostname,
        port=parts.port or (465 if parts.scheme == "smtps" else 25),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or "") if parts.username else None,
        is_tls=parts.scheme == "smtps",
        starttls=starttls,
    )


class Line:
    """A connection to the mail server, opened at the first mail and kept for the next ones."""

    def __init__(self, server: MailServer, *, time_out: float = TIME_OUT) -> None:
        self.server, self.time_out = server, time_out
        self._connection: smtplib.SMTP | None = None

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.hang_up()

    def send(self, mail: EmailMessage) -> Outcome:
        """Hand one mail over; the outcome says whether the server took it, may take it later, or never will."""
        try:
            connection = self._connected()
        except (smtplib.SMTPException, OSError) as error:
            self.hang_up()  # What goes wrong before a mail is named, a refused password included, says nothing against that mail.
            return Outcome("put_off", _reason(error))
        try:
            with _time_limit(connection, self.time_out):
                connection.send_message(mail, _sender(mail), [_recipient(mail)])
        except (smtplib.SMTPException, OSError) as error:
            self.hang_up()
            return Outcome("fail" if _is_permanent(error) else "put_off", _reason(error))
        return DELIVERED

    def hang_up(self) -> None:
        """Close the connection without waiting for the server's farewell: it may never come."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> smtplib.SMTP:
        if self._connection is not None and not _is_alive(self._connection, self.time_out):
            self.hang_up()
        if self._connection is None:
            self._connection = self._open()
        return self._connection

    def _open(self) -> smtplib.SMTP:
        server, me = self.server, socket.gethostname()  # Left to itself, smtplib asks the resolver for our full name, and waits.
        if server.is_tls:
            context = ssl.create_default_context()
            connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, me, timeout=self.time_out, context=context)
        else:
            connection = smtplib.SMTP(server.host, server.port, me, timeout=self.time_out)
        try:
            with _time_limit(connection, self.time_out):
                _introduce(connection, server)
        except BaseException:
            connection.close()
            raise
        return connection


def _introduce(connection: smtplib.SMTP, server: MailServer) -> None:
    connection.ehlo_or_helo_if_needed()
    offered = connection.has_extn("starttls")
    if not server.is_tls and (server.starttls == "required" or (server.starttls == "offered" and offered)):
        connection.starttls(context=ssl.create_default_context())
        connection.ehlo()
    if server.user is not None:
        connection.login(server.user, server.password or "")


def _is_alive(connection: smtplib.SMTP, time_out: float) -> bool:
    try:
        with _time_limit(connection, time_out):
            return connection.noop()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False


@contextmanager
def _time_limit(connection: smtplib.SMTP, seconds: float) -> Iterator[None]:
    """Cut the connection when the block takes longer.

    A socket's own time-out starts again with each byte: a server that dribbles would hold a worker beyond its lease.
    """
    watchdog = threading.Timer(seconds, _cut, [connection])
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def _cut(connection: smtplib.SMTP) -> None:
    try:
        connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
    except (OSError, AttributeError):
        return  # Already closed.


def _sender(mail: EmailMessage) -> str:
    return str(mail["From"].addresses[0].addr_spec)


def _recipient(mail: EmailMessage) -> str:
    (address,) = mail["To"].addresses  # One recipient per mail, or nothing leaves.
    return str(address.addr_spec)


def _answer(error: BaseException) -> tuple[int, bytes] | None:
    """The server's code and text, where it said something."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next(iter(error.recipients.values()))
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return error.smtp_code, text if isinstance(text, bytes) else str(text).encode()
    return None


def _is_permanent(error: BaseException) -> bool:
    answer = _answer(error)
    return isinstance(error, smtplib.SMTPNotSupportedError) or (answer is not None and 500 <= answer[0] < 600)


def _reason(error: BaseException) -> str:
    """What operators read. A server's own words are left out: they often repeat the address."""
    answer = _answer(error)
    if answer is None:
        return f"mail server: {type(error).__name__}"
    status = _ENHANCED_STATUS.match(answer[1])
    code = f"{answer[0]} {status.group(1).decode()}" if status else f"{answer[0]}"
    return f"mail server answered {code} ({type(error).__name__})"
