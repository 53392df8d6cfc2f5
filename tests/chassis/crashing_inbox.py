"""A probe that dies at one place of each message's way, the first time it comes there with that message; see `CRASHES`.

Run as `python -m tests.chassis.crashing_inbox notifications`, with the place in CRASH_AT.
"""

from chassis import run  # First of all: it patches.

# isort: split

import os
import signal
import sys
from pathlib import Path

from chassis import log
from chassis.guards import OncePerMessage
from chassis.host import Host
from chassis.inbox import Handles
from chassis.settings import read_service_settings
from tests.chassis.probes import PROBES


def die_once(message_id):
    """End the process as kill -9 does, unless an earlier one died of this message."""
    crashed = Path(os.environ["PROBE_SEEN"]).with_suffix(".crashed")
    known = crashed.read_text().split() if crashed.exists() else []
    if message_id not in known:
        crashed.write_text("\n".join([*known, message_id]))
        os.kill(os.getpid(), signal.SIGKILL)


def after_commit():
    """The effect is committed, the broker does not know yet."""
    ack = Host.ack

    def crash(host, message):
        die_once(message.properties["message_id"])
        ack(host, message)

    Host.ack = crash


def before_commit():
    """All is written, nothing is committed."""
    close = OncePerMessage.close

    def crash(guard, session, result):
        session.flush()
        die_once(guard._row["message_id"])
        close(guard, session, result)

    OncePerMessage.close = crash


def after_commit_without_inbox():
    """The control of `after_commit`: nobody remembers what was handled."""
    OncePerMessage.open = lambda guard, session, now: None
    after_commit()


def before_commit_acknowledged_first():
    """The control of `before_commit`: acknowledged as soon as it came, as many consumers do."""
    take = Handles.take

    def take_late(entrypoint, message):
        entrypoint.host.ack(message)
        take(entrypoint, message)

    Handles.take = take_late
    before_commit()


CRASHES = {
    each.__name__: each for each in (after_commit, before_commit, after_commit_without_inbox, before_commit_acknowledged_first)
}

if __name__ == "__main__":
    CRASHES[os.environ["CRASH_AT"]]()
    log.configure(sys.argv[1])
    sys.exit(run.run(read_service_settings(sys.argv[1]), PROBES[sys.argv[1]]))
