"""What tests ask of the mailbox."""

import json
import time
import urllib.parse
import urllib.request


class NoMail(AssertionError):
    """The mail that a test waits for did not come; the message lists those that did."""


class MailboxClient:
    """The mailbox's JSON, as Python values."""

    def __init__(self, url):
        self.url = url

    def messages(self, to=None):
        """Return the mails, newest first; only those to this address where one is given."""
        query = f"?to={urllib.parse.quote(to)}" if to else ""
        return json.loads(self._ask("GET", f"/api/messages{query}"))

    def wait_for(self, to, subject="", count=1, patience=15.0):
        """Return the newest mail to this address whose subject holds these words, once so many have come."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            found = [mail for mail in self.messages(to) if subject.lower() in mail["subject"].lower()]
            if len(found) >= count:
                return found[0]
            time.sleep(0.1)
        raise NoMail(f"{to}, {subject!r}: {[(mail['to'], mail['subject']) for mail in self.messages()]}")

    def clear(self):
        self._ask("DELETE", "/api/messages")

    def fail(self, reply="451 4.3.0 Try again later", times=-1, delay=0.0, only_to=""):
        """Let the server answer so to the next mails, until `recover` or that many were struck."""
        failure = {"reply": reply, "times": times, "delay": delay, "only_to": only_to}
        self._ask("PUT", "/api/failure", json.dumps(failure).encode())

    def recover(self):
        self.fail(times=0)

    def _ask(self, method, path, body=None):
        request = urllib.request.Request(self.url + path, data=body, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()
