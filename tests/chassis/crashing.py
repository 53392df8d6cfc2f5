"""A probe service with one thing wrong, named by PROBE_FAULT: `python -m tests.chassis.crashing accounts`.

The chassis has no hooks for it: its functions are replaced here, before the service starts.
"""

from chassis import run  # First of all: it patches.

# isort: split

import os
import signal
import sys
from uuid import UUID

from chassis import host, log, relay
from chassis.outbox import announce
from chassis.serve import serves
from chassis.settings import read_service_settings
from contracts import accounts, catalogue
from tests.chassis import probes


def die(*_arguments, **_named):
    os.kill(os.getpid(), signal.SIGKILL)


def dies_once_committed():
    """Between the commit and any look at the outbox: what the commit would wake ends the process."""
    relay.Relay.wake = die


def dies_once_confirmed():
    """After the broker's word and before the rows are marked."""
    relay.mark_published = die


def forgets_an_event():
    """As a release does that came before the event."""
    known = {name: event for name, event in catalogue.events().items() if event is not accounts.KnownAddressSignedUp}
    catalogue.events = lambda: known


def purges_soon():
    host.PURGE_SECONDS = 5.0


def create_staff_and_announce(session, subject, *, email, now, **_request):
    """Leave an effect and announce it; the address's first part is the announced confirmation's id."""
    probes.write_effect(session, subject, name="staff", cause=email, now=now)
    account_id = confirmation_id = UUID(email.partition("@")[0])
    announce(
        session, accounts.EmailConfirmationRequested, account_id=account_id, confirmation_id=confirmation_id, issue=probes.FINE
    )
    return {"account_id": account_id}


class Accounts(probes.Accounts):
    @serves(accounts.create_staff)
    def create_staff(self, **request):
        return self.db.change(create_staff_and_announce, **request)


FAULTS = {each.__name__: each for each in (dies_once_committed, dies_once_confirmed, forgets_an_event, purges_soon)}

if __name__ == "__main__":
    name = sys.argv[1]
    log.configure(name)
    FAULTS.get(os.environ.get("PROBE_FAULT"), lambda: None)()
    sys.exit(run.run(read_service_settings(name), {**probes.PROBES, "accounts": Accounts}[name]))
