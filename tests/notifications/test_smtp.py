"""What a mail server's answers mean for a mail, against a real server."""

import socket
import ssl
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.notifications.domain import DELIVERED
from services.notifications.emails import Letter, Site, address_mail
from services.notifications.smtp import Line, MailServer, read_url
from tests.notifications.mail_server import Inbox, mail_server

SITE = Site("Les emplois de l'inclusion", "https://emplois.example", "noreply@emplois.example")


def mail(recipient="amelie@jardins.example"):
    letter = Letter("Bienvenue à l'été", "Voilà\n", "<p>Voilà</p>")
    return address_mail(letter, recipient=recipient, mail_id=UUID(int=10), site=SITE, now=datetime(2026, 12, 1, tzinfo=UTC))


def send(port, message=None, *, seconds=5.0, silence=30.0, **options):
    with Line(MailServer("127.0.0.1", port, **options), seconds=seconds, silence=silence) as line:
        return line.send(message or mail())


@pytest.fixture
def certificate(tmp_path):
    """A TLS server's context whose certificate nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.fixture
def bare_server():
    """`bare_server(conversation)`: a server that does with its first connection what it is told; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def start(conversation):
            def serve():
                connection, _ = listening.accept()
                with connection, suppress(OSError):  # The other side has hung up.
                    conversation(connection)

            threading.Thread(target=serve, daemon=True).start()
            return listening.getsockname()[1]

        yield start


def dribbling(first, again):
    """What a server does that says something first, then a little again and again."""

    def dribble(connection):
        connection.sendall(first)
        for _ in range(100):
            connection.sendall(again)
            time.sleep(0.1)

    return dribble


def unanswered(address, timeout):
    time.sleep(timeout)
    raise TimeoutError


class TestSend:
    def test_delivers(self):
        inbox = Inbox()
        with mail_server(inbox) as port:
            assert send(port) == DELIVERED
        (envelope,) = inbox.envelopes
        assert envelope.mail_from == "noreply@emplois.example"
        assert envelope.rcpt_tos == ["amelie@jardins.example"]
        assert b"Message-ID: <00000000-0000-0000-0000-00000000000a@emplois.example>" in envelope.original_content

    def test_keeps_its_connection_for_the_next_mail(self):
        inbox = Inbox()
        with mail_server(inbox) as port, Line(MailServer("127.0.0.1", port)) as line:
            assert [line.send(mail()), line.send(mail()), line.send(mail())] == [DELIVERED] * 3
        assert len(inbox.envelopes) == 3
        assert inbox.session_count == 1

    def test_opens_a_new_connection_when_the_server_has_hung_up(self):
        inbox = Inbox()
        with mail_server(inbox) as port, Line(MailServer("127.0.0.1", port)) as line:
            line.send(mail())
            line._connection.sock.shutdown(socket.SHUT_RDWR)
            assert line.send(mail()) == DELIVERED
        assert inbox.session_count == 2

    @pytest.mark.parametrize("where", ["rcpt", "data"])
    @pytest.mark.parametrize(
        ("answer", "move"),
        [
            ("451 4.7.1 Try again, amelie@jardins.example", "put_off"),
            ("421 4.3.0 Too busy", "put_off"),
            ("550 5.1.1 <amelie@jardins.example>: unknown user amelie", "fail"),
            ("554 refused", "fail"),
        ],
    )
    def test_tells_later_from_never(self, where, answer, move):
        with mail_server(Inbox(**{where: answer})) as port:
            outcome = send(port)
        assert outcome.move == move
        assert answer[:3] in outcome.reason

    def test_gives_no_address_in_its_reason(self):
        with mail_server(Inbox(rcpt="550 5.1.1 <amelie@jardins.example>: unknown user amelie")) as port:
            outcome = send(port)
        assert outcome.reason == "mail server answered 550 5.1.1 (SMTPRecipientsRefused)"

    def test_goes_on_after_a_refused_recipient(self):
        inbox = Inbox(rcpt="550 5.1.1 no")
        with mail_server(inbox) as port, Line(MailServer("127.0.0.1", port)) as line:
            assert line.send(mail()).move == "fail"
            inbox.rcpt = "250 OK"
            assert line.send(mail()) == DELIVERED

    def test_puts_off_when_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
        outcome = send(port)
        assert (outcome.move, outcome.reason) == ("put_off", "mail server: ConnectionRefusedError")

    def test_puts_off_when_the_name_is_unknown(self):
        with Line(MailServer("mail.invalid", 25)) as line:
            assert line.send(mail()).move == "put_off"

    def test_puts_off_when_the_server_is_slow(self):
        started = time.monotonic()
        with mail_server(Inbox(seconds=60)) as port:
            assert send(port, silence=0.5).move == "put_off"
        assert time.monotonic() - started < 10

    def test_puts_off_when_the_server_is_silent(self, bare_server):
        port = bare_server(lambda connection: time.sleep(10))
        started = time.monotonic()
        assert send(port, silence=0.5).move == "put_off"
        assert time.monotonic() - started < 4

    @pytest.mark.parametrize(
        ("first", "again"),
        [
            (b"", b"220-wait\r\n"),  # The greeting.
            (b"", b"2"),
            (b"220 mail.example\r\n", b"250-wait\r\n"),
            (b"220 mail.example\r\n", b"2"),
        ],
    )
    def test_puts_off_when_the_server_dribbles(self, bare_server, first, again):
        """Each byte ends one silence; the mail's own time goes on."""
        started = time.monotonic()
        assert send(bare_server(dribbling(first, again)), seconds=0.5).move == "put_off"
        assert time.monotonic() - started < 2

    @pytest.mark.parametrize("how", [{"is_tls": True}, {"starttls": "required"}])
    def test_puts_off_when_the_tls_handshake_dribbles(self, bare_server, how):
        def shake_hands(connection):
            if "starttls" in how:
                for answer in (b"220 mail.example\r\n", b"250-mail.example\r\n250 STARTTLS\r\n", b"220 go ahead\r\n"):
                    connection.sendall(answer)
                    connection.recv(1024)
            dribbling(b"\x16\x03\x03\x40\x00", b"\x02")(connection)  # A record of 16 KiB that comes byte by byte.

        started = time.monotonic()
        assert send(bare_server(shake_hands), seconds=0.5, **how).move == "put_off"
        assert 0.4 < time.monotonic() - started < 2

    def test_has_one_limit_for_the_whole_of_a_mail(self, bare_server):
        """Greeting, EHLO, MAIL and RCPT each take most of it."""

        def slow(connection):
            for answer in (b"220 mail.example\r\n", b"250 OK\r\n", b"250 OK\r\n", b"250 OK\r\n"):
                time.sleep(0.6)
                connection.sendall(answer)
            time.sleep(10)

        started = time.monotonic()
        assert send(bare_server(slow), seconds=1.0).move == "put_off"
        assert time.monotonic() - started < 1.6

    def test_has_its_limit_for_each_mail_anew(self):
        with mail_server(Inbox(seconds=0.4)) as port, Line(MailServer("127.0.0.1", port), seconds=1.0) as line:
            assert [line.send(mail()) for _ in range(4)] == [DELIVERED] * 4

    def test_does_not_wait_for_all_addresses_of_a_silent_host(self, monkeypatch):
        """Packets to 192.0.2.0/24 are answered by nobody."""
        addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{last}", 25)) for last in range(1, 9)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
        monkeypatch.setattr(socket, "create_connection", unanswered)
        started = time.monotonic()
        with Line(MailServer("mail.example", 25), seconds=0.5) as line:
            assert line.send(mail()).move == "put_off"
        assert time.monotonic() - started < 1

    def test_puts_off_when_the_server_hangs_up(self, bare_server):
        port = bare_server(lambda connection: connection.sendall(b"220 mail.example\r\n"))
        assert send(port).move == "put_off"

    def test_puts_off_when_tls_is_required_and_not_offered(self):
        with mail_server(Inbox()) as port:
            assert send(port, starttls="required").move == "put_off"

    def test_puts_off_when_the_certificate_is_not_trusted(self, certificate):
        inbox = Inbox()
        with mail_server(inbox, tls_context=certificate) as port:
            outcome = send(port, starttls="required")
        assert (outcome.move, outcome.reason) == ("put_off", "mail server: SSLCertVerificationError")
        assert not inbox.envelopes

    def test_speaks_plainly_where_told_never_to_use_tls(self, certificate):
        inbox = Inbox()
        with mail_server(inbox, tls_context=certificate) as port:
            assert send(port, starttls="never") == DELIVERED

    def test_puts_off_when_our_password_is_refused(self):
        def refuse(*_):
            return AuthResult(success=False, handled=False)

        with mail_server(Inbox(), authenticator=refuse, auth_require_tls=False) as port:
            outcome = send(port, user="emplois", password="fictif", starttls="never")
        assert outcome.move == "put_off"
        assert "535" in outcome.reason

    def test_logs_in(self):
        seen = []

        def admit(server, session, envelope, mechanism, data):
            seen.append((data.login, data.password))
            return AuthResult(success=True)

        with mail_server(Inbox(), authenticator=admit, auth_require_tls=False) as port:
            assert send(port, user="emplois", password="fictif", starttls="never") == DELIVERED
        assert seen == [(b"emplois", b"fictif")]

    def test_sends_to_an_international_address(self):
        inbox = Inbox()
        with mail_server(inbox, enable_SMTPUTF8=True) as port:
            assert send(port, mail("amélie@jardins.example")) == DELIVERED
        assert inbox.envelopes[0].rcpt_tos == ["amélie@jardins.example"]

    def test_fails_where_the_server_knows_no_international_address(self):
        with mail_server(Inbox(), enable_SMTPUTF8=False) as port:
            assert send(port, mail("amélie@jardins.example")).move == "fail"


class TestReadURL:
    def test_reads_each_part(self):
        server = read_url("smtp://emplois:mot%40passe@mail.example:587?starttls=required")
        assert server == MailServer("mail.example", 587, "emplois", "mot@passe", False, "required")

    def test_knows_the_usual_ports(self):
        assert read_url("smtp://mail.example").port == 25
        assert read_url("smtps://mail.example").port == 465
        assert read_url("smtps://mail.example").is_tls

    def test_requires_tls_for_a_password_by_itself(self):
        assert read_url("smtp://emplois:fictif@mail.example").starttls == "required"

    @pytest.mark.parametrize(
        "url",
        [
            "http://mail.example",
            "mail.example:25",
            "smtp://mail.example?starttls=perhaps",
            "smtp://emplois:fictif@mail.example?starttls=never",
        ],
    )
    def test_refuses_what_it_cannot_use(self, url):
        with pytest.raises(ValueError, match="SMTP_URL"):
            read_url(url)

    def test_never_prints_the_password(self):
        assert "fictif" not in repr(read_url("smtps://emplois:fictif@mail.example"))
