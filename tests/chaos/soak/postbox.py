"""The mails of the local mail server, read from its files: they are there also while its process is not."""

import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

from operations.local.mailbox import store

LOOKS_EVERY = 0.2  # Seconds.


class Postbox:
    """Mails by recipient; each file is read once."""

    def __init__(self, directory):
        self._directory = Path(directory)
        self._lock = threading.Lock()
        self._seen, self._looked_at = set(), 0.0
        self._texts = defaultdict(list)
        self.copies = Counter()  # By the mail's id, which its Message-ID begins with.

    def text(self, email):
        """The text of the last mail to an address; None where there is none yet."""
        self.look()
        return self._texts[email][-1] if email in self._texts else None

    def look(self, *, now=False):
        """Read what has come."""
        with self._lock:
            if now or time.monotonic() - self._looked_at > LOOKS_EVERY:
                self._read_new()
                self._looked_at = time.monotonic()

    def _read_new(self):
        for path in sorted(set(self._directory.glob("*.eml")) - self._seen):
            mail = store.read(path)
            for recipient in mail.recipients:
                self._texts[recipient].append(mail.body("plain"))
            self.copies[mail.header("Message-ID").strip("<>").partition("@")[0]] += 1
            self._seen.add(path)
