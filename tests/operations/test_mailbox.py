"""The local mailbox: over SMTP on one side, HTTP on the other."""

import smtplib
import subprocess
import sys
import urllib.error
import urllib.request
from email.message import EmailMessage

import pytest

from operations.local.mailbox.client import MailboxClient
from operations.local.mailbox.store import Store
from operations.local.places import ROOT
from operations.local.ports import free_port
from operations.local.programs import is_ready

TO = "zoe@entreprise.example"


class Running:
    def __init__(self, directory):
        self.directory = directory
        self.smtp_port, self.http_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.client = MailboxClient(self.url)

    def start(self):
        ports = ["--smtp-port", str(self.smtp_port), "--http-port", str(self.http_port)]
        words = [sys.executable, "-m", "operations.local.mailbox", *ports, "--directory", str(self.directory)]
        self.process = subprocess.Popen(words, cwd=ROOT)
        while not is_ready(f"{self.url}/readyz"):
            assert self.process.poll() is None

    def stop(self):
        self.process.terminate()
        assert self.process.wait(15) == 0

    def send(self, subject="Bonjour", text="Texte", html="", to=TO):
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "ne-pas-repondre@emplois.example", to, subject
        message["Message-ID"] = "<1@emplois.example>"
        message.set_content(text)
        if html:
            message.add_alternative(html, subtype="html")
        with smtplib.SMTP("127.0.0.1", self.smtp_port) as smtp:
            smtp.send_message(message)

    def get(self, path, host="127.0.0.1"):
        request = urllib.request.Request(self.url + path, headers={"Host": host})
        with urllib.request.urlopen(request) as answer:
            return answer.headers, answer.read().decode()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    mailbox = Running(tmp_path_factory.mktemp("mails"))
    mailbox.start()
    yield mailbox
    mailbox.stop()


@pytest.fixture
def mailbox(running):
    running.client.clear()
    running.client.recover()
    return running


@pytest.mark.xdist_group("mailbox")
class TestMailbox:
    def test_shows_what_was_sent(self, mailbox):
        mailbox.send("Été à Besançon", "Venez :\nhttps://emplois.example/invitation/abc?x=1&y=2.\n", "<p>Venez</p>")

        [mail] = mailbox.client.messages(to=TO)

        assert mail["subject"] == "Été à Besançon"
        assert mail["from"] == "ne-pas-repondre@emplois.example"
        assert mail["message_id"] == "<1@emplois.example>"
        assert mail["links"] == ["https://emplois.example/invitation/abc?x=1&y=2"]
        assert mail["html"] == "<p>Venez</p>\n"

    def test_lists_the_newest_first_and_by_recipient(self, mailbox):
        mailbox.send("un")
        mailbox.send("deux")
        mailbox.send("autre", to="max@ailleurs.example")

        assert [mail["subject"] for mail in mailbox.client.messages(to=TO.upper())] == ["deux", "un"]
        assert mailbox.client.wait_for("max@ailleurs.example")["subject"] == "autre"

    def test_keeps_mails_over_a_restart(self, mailbox):
        mailbox.send("avant")

        mailbox.stop()
        mailbox.start()

        assert mailbox.client.messages()[0]["subject"] == "avant"

    def test_escapes_every_field(self, mailbox):
        mailbox.send("<script>alert(1)</script>", "<script>alert(2)</script> https://x.example/<b>")
        name = mailbox.client.messages()[0]["id"]

        for path in ("/", f"/mails/{name}"):
            headers, page = mailbox.get(path)
            assert "<script>" not in page
            assert headers["Content-Security-Policy"].startswith("default-src 'none'")

    def test_shows_html_in_a_sandbox(self, mailbox):
        mailbox.send(html="<p>Bonjour</p><script>parent.document.title = 'pris'</script>")
        name = mailbox.client.messages()[0]["id"]

        _, page = mailbox.get(f"/mails/{name}")
        headers, html = mailbox.get(f"/mails/{name}/html")

        assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
        assert headers["Content-Security-Policy"].startswith("sandbox allow-popups")
        assert "allow-scripts" not in headers["Content-Security-Policy"]
        assert "<p>Bonjour</p>" in html

    def test_fails_as_it_is_told(self, mailbox):
        mailbox.client.fail("451 4.3.0 Plus tard", times=1, only_to=TO)

        mailbox.send(to="max@ailleurs.example")
        with pytest.raises(smtplib.SMTPDataError, match="451"):
            mailbox.send()
        mailbox.send()

        assert len(mailbox.client.messages(TO)) == 1

    def test_refuses_other_sites_names(self, mailbox):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            mailbox.get("/", host="pirate.example")

    @pytest.mark.parametrize("name", ["absent", "..%2F..%2Fsecrets", "%2E%2E"])
    def test_answers_404_for_what_it_does_not_hold(self, mailbox, name):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            mailbox.get(f"/mails/{name}")


class TestStore:
    def test_reads_what_no_charset_explains(self, tmp_path):
        store = Store(tmp_path)
        raw = b"Subject: x\r\nContent-Type: text/plain; charset=klingon\r\n\r\n\xff caf\xc3\xa9\r\n"

        store.add("a@a.example", [TO], raw)

        assert "café" in store.mails()[0].as_json()["text"]

    def test_reads_a_mail_without_any_header(self, tmp_path):
        store = Store(tmp_path)

        store.add("", [TO], b"\r\nrien\r\n")

        assert store.mails()[0].as_json()["subject"] == ""
