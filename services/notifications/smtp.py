"""One conversation at a time with the mail server, and what its answers mean for a mail."""

import re
import smtplib
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from email.message import EmailMessage
from types import TracebackType
from urllib.parse import parse_qs, unquote, urlsplit

from services.notifications.domain import DELIVERED, SENDING, Outcome

SILENCE = 30.0  # Seconds that the server may say nothing, or not answer a connection.
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


class Limit:
    """The end of one mail's time: what it is sent through is cut then, and nothing is opened afterwards.

    A socket's own time-out starts again with each byte: a server that dribbles would hold a worker beyond its lease.
    """

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._is_over = False
        self._cable: socket.socket | None = None
        self._watchdog = threading.Timer(seconds, self._cut)
        self._watchdog.daemon = True

    def __enter__(self) -> "Limit":
        self._watchdog.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._watchdog.cancel()

    def left(self, at_most: float) -> float:
        """Seconds that the next step may take; a time-out when there are none."""
        seconds = self._ends_at - time.monotonic()
        if self._is_over or seconds <= 0:
            raise TimeoutError("the mail's time is over")
        return min(seconds, at_most)

    def watch(self, cable: socket.socket | None) -> None:
        """From now on, this is what is cut."""
        self._cable = cable
        self.left(0)  # The watchdog may have come before there was anything to cut.

    def _cut(self) -> None:
        self._is_over = True
        try:
            if self._cable is not None:
                self._cable.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # Already closed.


class Connection(smtplib.SMTP):
    """A connection to the mail server, within a mail's limit from before its greeting on: smtplib's constructor waits for that.

    `cable` is a second handle of its socket, to cut it by: TLS takes the first one over, and holds it while it shakes hands.
    """

    def __init__(self, server: MailServer, limit: Limit, *, time_out: float) -> None:
        self._server, self._limit = server, limit
        self.cable: socket.socket | None = None
        me = socket.gethostname()  # Left to itself, smtplib asks the resolver for our full name, and waits.
        super().__init__(server.host, server.port, me, timeout=time_out)

    def connect(self, host: str = "localhost", port: int = 0, source_address: object = None) -> tuple[int, bytes]:
        """Reach the server and read its greeting."""
        try:
            self.sock = _reach(host, port, self._limit, self.timeout)
            self.sock.settimeout(self.timeout)
            self.cable = self.sock.dup()
            self._limit.watch(self.cable)
            if self._server.is_tls:
                self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=host)
            return self.getreply()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of both handles."""
        super().close()
        if self.cable is not None:
            self.cable.close()


class Line:
    """A connection to the mail server, opened at the first mail and kept for the next ones.

    Each mail has so many seconds, whatever the server does; sooner, it waits no longer than `silence` for one answer.
    """

    def __init__(self, server: MailServer, *, seconds: float = SENDING.total_seconds(), silence: float = SILENCE) -> None:
        self.server, self.seconds, self.silence = server, seconds, silence
        self._connection: Connection | None = None

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.hang_up()

    def send(self, mail: EmailMessage) -> Outcome:
        """Hand one mail over; the outcome says whether the server took it, may take it later, or never will."""
        with Limit(self.seconds) as limit:
            try:
                connection = self._connected(limit)
            except (smtplib.SMTPException, OSError) as error:
                self.hang_up()  # What goes wrong before a mail is named, a refused password included, says nothing against it.
                return Outcome("put_off", _reason(error))
            try:
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

    def _connected(self, limit: Limit) -> Connection:
        if self._connection is not None and not _is_alive(self._connection, limit):
            self.hang_up()
        if self._connection is None:
            self._connection = self._open(limit)
        return self._connection

    def _open(self, limit: Limit) -> Connection:
        connection = Connection(self.server, limit, time_out=self.silence)
        try:
            _introduce(connection, self.server)
        except BaseException:
            connection.close()
            raise
        return connection


def _reach(host: str, port: int, limit: Limit, time_out: float) -> socket.socket:
    """A socket to the first of a host's addresses that answers; all of them together get no more than is left."""
    failure: OSError | None = None
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            return socket.create_connection((str(address[0]), port), limit.left(time_out))
        except OSError as error:
            failure = error
    raise failure or OSError("no address")


def _introduce(connection: smtplib.SMTP, server: MailServer) -> None:
    connection.ehlo_or_helo_if_needed()
    offered = connection.has_extn("starttls")
    if not server.is_tls and (server.starttls == "required" or (server.starttls == "offered" and offered)):
        connection.starttls(context=ssl.create_default_context())
        connection.ehlo()
    if server.user is not None:
        connection.login(server.user, server.password or "")


def _is_alive(connection: Connection, limit: Limit) -> bool:
    try:
        limit.watch(connection.cable)
        return connection.noop()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False


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
