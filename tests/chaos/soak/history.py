"""What clients did and were told: an append-only file of lines, as Jepsen keeps it.

`invoke` is an operation's beginning. `ok` and `fail` end it. `info` is an attempt without an answer: its effect may be there or
not, and an operation whose last line that is stays a maybe.
"""

import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path


@dataclass
class Operation:
    """One operation of one client, from all its lines."""

    op: str
    client: int
    kind: str
    facts: dict = field(default_factory=dict)
    outcome: str = "info"
    status: object = None
    answer: dict = field(default_factory=dict)
    attempts: int = 0


class History:
    """Lines are only added, by several threads; nothing secret stands in them."""

    def __init__(self, path):
        self.path = Path(path)
        self._file = self.path.open("a", encoding="utf-8")
        self._lock = threading.Lock()
        self._count = 0

    def __len__(self):
        """How many operations have begun."""
        return self._count

    def invoke(self, client, kind, **facts):
        """A new operation; return its id."""
        with self._lock:
            self._count += 1
            op = f"c{client}n{self._count}"
            self._write(op, "invoke", client=client, kind=kind, facts=facts)
        return op

    def answered(self, op, outcome, status, answer=None):
        """One attempt's end: `ok`, `fail` or `info`."""
        with self._lock:
            self._write(op, outcome, status=status, answer=answer or {})

    def _write(self, op, line, **facts):
        self._file.write(json.dumps({"at": datetime.now(UTC).isoformat(), "op": op, "type": line, **facts}) + "\n")
        self._file.flush()

    def close(self):
        self._file.close()


def read(path):
    """The operations of a history, in the order in which they began."""
    found = {}
    for text in Path(path).read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        if line["type"] == "invoke":
            found[line["op"]] = Operation(line["op"], line["client"], line["kind"], line["facts"])
        else:
            one = found[line["op"]]
            one.outcome, one.status, one.answer = line["type"], line["status"], line["answer"]
            one.attempts += 1
    return list(found.values())
