"""The measured services: the true chassis and contracts, and no more work than one statement.

Run as `python -m tests.bench.probes accounts`: the same start-up as a real service.
"""

from chassis import run  # First of all: it patches.

# isort: split

import sys
from uuid import UUID

import sqlalchemy as sa

from chassis import log
from chassis.inbox import handles
from chassis.serve import serves
from chassis.settings import read_service_settings
from contracts import accounts
from contracts.vocabulary import AccountKind
from tests.bench.contacts import contacts
from tests.chassis import probes

BY_KEY = sa.select(contacts).where(contacts.c.account_id == sa.bindparam("account_id"))


def get_contacts(session, subject, *, account_ids):
    found = session.execute(BY_KEY, {"account_id": account_ids[0]}).one()
    return {"items": [{**found._mapping, "kind": AccountKind(found.kind)}]}


def get_email_confirmation(session, subject, *, token):
    found = session.execute(BY_KEY, {"account_id": UUID(token)}).one()
    return {"email": found.email, "expires_at": found.expires_at}


class Accounts(probes.Accounts):
    @serves(accounts.get_contacts)
    def get_contacts(self, account_ids):
        """Without an id, a call that needs no database."""
        return self.db.read(get_contacts, account_ids=account_ids) if account_ids else {"items": []}

    @serves(accounts.get_email_confirmation)
    def get_email_confirmation(self, token):
        return self.db.read(get_email_confirmation, token=token)


class Notifications(probes.Notifications):
    @handles(accounts.EmailConfirmationRequested)
    def email_confirmation_link(self, account_id, confirmation_id, issue):
        self.db.change(probes.write_effect, name="confirmation", cause=str(confirmation_id))


PROBES = {"accounts": Accounts, "notifications": Notifications}


def main(name):
    log.configure(name)
    sys.exit(run.run(read_service_settings(name), PROBES[name]))


if __name__ == "__main__":
    main(sys.argv[1])
