"""Probes of which two hear the same event; no contract says so, hence the change to one here.

Run as `python -m tests.chassis.two_listeners accounts`.
"""

from chassis import run  # First of all: it patches.

# isort: split

import sys

from chassis import log
from chassis.inbox import handles
from chassis.settings import read_service_settings
from contracts import accounts
from tests.chassis import probes

HEARD = accounts.EmailConfirmationRequested
object.__setattr__(HEARD, "heard_by", (*HEARD.heard_by, "accounts.remember_confirmation"))


class Accounts(probes.Accounts):
    """It hears its own fact as well."""

    @handles(HEARD)
    def remember_confirmation(self, confirmation_id, **facts):
        self.db.change(probes.write_effect, name="remembered", cause=str(confirmation_id))


if __name__ == "__main__":
    log.configure(sys.argv[1])
    cls = {"accounts": Accounts}.get(sys.argv[1], probes.Notifications)
    sys.exit(run.run(read_service_settings(sys.argv[1]), cls))
