"""Mails as files, so that they outlive a restart."""

import email
import email.policy
import re
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import cached_property, lru_cache
from pathlib import Path

LINK = re.compile(r"https?://[^\s<>\"'\])]+")


@dataclass(frozen=True)
class Mail:
    """One mail as it came, with what the envelope said."""

    id: str
    received_at: str
    sender: str
    recipients: tuple[str, ...]
    raw: bytes

    @cached_property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.raw, policy=email.policy.default)  # type: ignore[return-value]

    def header(self, name):
        """Return a header in readable form, empty when it is absent or cannot be read."""
        try:
            return str(self.message.get(name, ""))
        except (ValueError, LookupError, IndexError):
            return ""

    def body(self, kind):
        part = self.message.get_body((kind,))
        if part is None:
            return ""
        try:
            return part.get_content().replace("\r\n", "\n")
        except (LookupError, ValueError):  # An unknown charset, for one.
            return part.get_payload(decode=True).decode("utf-8", "replace")

    @property
    def links(self):
        """The addresses in the text, else in the HTML, in order and once each."""
        found = LINK.findall(self.body("plain")) or LINK.findall(self.body("html").replace("&amp;", "&"))
        return list(dict.fromkeys(link.rstrip(".,;:!?") for link in found))

    def as_json(self):
        return {
            "id": self.id,
            "received_at": self.received_at,
            "to": list(self.recipients),
            "from": self.header("From"),
            "sender": self.sender,
            "subject": self.header("Subject"),
            "message_id": self.header("Message-ID"),
            "headers": {name: self.header(name) for name in self.message},
            "text": self.body("plain"),
            "html": self.body("html"),
            "links": self.links,
        }


class Store:
    """The mails of one directory, a file each, named so that names sort by arrival."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)

    def add(self, sender, recipients, raw):
        now = datetime.now(UTC)
        name = f"{now:%Y%m%dT%H%M%S.%f}-{uuid.uuid4().hex[:8]}"
        draft = self.directory / f"{name}.new"
        draft.write_bytes(envelope(now, sender, recipients) + raw)
        draft.rename(self.directory / f"{name}.eml")
        return name

    def mails(self, to=None):
        """Return the mails, newest first; only those to this address where one is given."""
        names = sorted((path.stem for path in self.directory.glob("*.eml")), reverse=True)
        mails = (self.find(name) for name in names)
        return [mail for mail in mails if mail and (to is None or to.lower() in map(str.lower, mail.recipients))]

    def find(self, name):
        path = self.directory / f"{name}.eml"
        if path.parent != self.directory or not path.exists():
            return None
        return read(path)

    def clear(self):
        for path in self.directory.glob("*.eml"):
            path.unlink(missing_ok=True)


def envelope(now, sender, recipients):
    """Return the lines that keep, before the mail itself, what SMTP said beside it."""
    fields = {"received": now.isoformat(), "sender": sender, "recipients": " ".join(recipients)}
    return "".join(f"{key}: {value}\n" for key, value in fields.items()).encode() + b"\n"


@lru_cache(maxsize=2000)
def read(path):
    """Return a mail from its file, which never changes once it has its name."""
    try:
        head, _, raw = path.read_bytes().partition(b"\n\n")
    except FileNotFoundError:
        return None
    fields = dict(line.split(": ", 1) for line in head.decode("utf-8", "replace").splitlines() if ": " in line)
    recipients = tuple(fields.get("recipients", "").split())
    return Mail(path.stem, fields.get("received", ""), fields.get("sender", ""), recipients, raw)


@dataclass
class Failure:
    """What the server shall do wrong, so that tests see how senders bear it."""

    reply: str = ""  # The whole SMTP answer, such as "451 4.3.0 Try again later"; empty: none.
    delay: float = 0.0  # Seconds before the answer to each mail.
    times: int = 0  # How many mails it still strikes; -1: every one.
    only_to: str = ""  # Only mails to this address; empty: any.

    def strikes(self, recipients):
        """Say whether this mail is struck, and count it."""
        if not self.times or (self.only_to and self.only_to not in recipients):
            return False
        self.times -= self.times > 0
        return True

    def as_json(self):
        return asdict(self)
