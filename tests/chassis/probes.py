"""Small services for the tests of the chassis: true names and contracts, behaviour chosen by the message.

Run as `python -m tests.chassis notifications`: the same start-up as a real service.
"""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from chassis.db import DatabaseIsDown
from chassis.desk import parked_desk
from chassis.inbox import handles
from chassis.outbox import announce
from chassis.providers import Calls, Database
from chassis.serve import serves
from contracts import accounts, invitations, notifications, organizations
from contracts.errors import Conflict, Unavailable
from tests.sizes import sized

FINE, HEALS, NEVER_HEALS, KILLS, SLOW, PERMANENT, OTHERS_DOWN, HANGS, LONG_OUTSIDE, LONG_INSIDE = range(10)
LONG_SECONDS = sized(16, 60)  # Several heartbeats.
STATEMENT = 4  # Seconds in the database, below what a statement may take and as long as a heartbeat.


def write_effect(session, subject, *, name, cause, now):
    session.execute(sa.text("INSERT INTO effects (name, cause, at) VALUES (:name, :cause, :now)"), locals_of(name, cause, now))
    return {"items": []}


def locals_of(name, cause, now):
    return {"name": name, "cause": cause, "now": now}


def announce_confirmation(session, subject, *, account_id, confirmation_id, issue):
    announce(session, accounts.EmailConfirmationRequested, account_id=account_id, confirmation_id=confirmation_id, issue=issue)


def note_attempt(confirmation_id, issue):
    """Which attempt at this message it is."""
    seen = Path(os.environ["PROBE_SEEN"])
    with seen.open("a") as attempts:
        attempts.write(f"{confirmation_id} {issue} {time.time():.3f}\n")
    return seen.read_text().count(f"{confirmation_id} ")


def misbehave(session, subject, *, account_id, confirmation_id, issue, now):
    """Write an effect, then do what `issue` says."""
    write_effect(session, subject, name="confirmation", cause=str(confirmation_id), now=now)
    attempt = note_attempt(confirmation_id, issue)
    if issue == NEVER_HEALS or (issue == HEALS and attempt < 3):
        raise Unavailable()
    if issue == PERMANENT:
        raise Conflict()
    if issue == OTHERS_DOWN:
        raise DatabaseIsDown()
    if issue == KILLS:
        os._exit(9)
    if issue == SLOW:
        time.sleep(2)
    if issue == HANGS and attempt < 2:
        session.execute(sa.text("SELECT pg_sleep(60)"))
    if issue == LONG_INSIDE:
        for _ in range(LONG_SECONDS // STATEMENT):
            session.execute(sa.text("SELECT pg_sleep(:seconds)"), {"seconds": STATEMENT})


def think(confirmation_id, issue):
    """Take long before the database is asked for anything."""
    if issue == LONG_OUTSIDE:
        note_attempt(confirmation_id, issue)
        time.sleep(LONG_SECONDS)


class Notifications(parked_desk("notifications")):
    name = "notifications"
    db, call = Database(), Calls()

    @handles(accounts.EmailConfirmationRequested)
    def email_confirmation_link(self, **facts):
        think(facts["confirmation_id"], facts["issue"])
        self.db.change(misbehave, **facts)

    @handles(accounts.KnownAddressSignedUp)
    def email_known_address(self, account_id):
        self.db.change(write_effect, name="known", cause=str(account_id))

    @handles(organizations.MagicLinkRequested)
    def email_magic_link(self, **facts):
        self.db.change(misbehave, account_id=None, confirmation_id=facts["magic_link_id"], issue=facts["issue"])

    @handles(invitations.InvitationSent, projects=True)
    def email_invitation(self, invitation_id, issue, **facts):
        self.db.change(write_effect, name=str(issue), cause=str(invitation_id))

    @handles(invitations.InvitationAccepted)
    def email_accepted_invitation(self, **facts): ...

    @serves(notifications.list_mails)
    def list_mails(self, state):
        return {"items": []}


def create_staff(session, subject, *, email, first_name, last_name, password, now):
    write_effect(session, subject, name="staff", cause=email, now=now)
    if first_name == "Slow":
        Path(os.environ["PROBE_SEEN"]).write_text("slow")
        time.sleep(1.0)
    if first_name == "Broken":
        raise RuntimeError(f"secret text {email}")
    return {"account_id": "0192a3b4-0000-7000-8000-000000000000"}


def die_once(first_name):
    """End the process after the commit and before the answer, the first time."""
    seen = Path(os.environ["PROBE_SEEN"])
    if first_name == "Killer" and not seen.exists():
        seen.write_text("once")
        os._exit(9)


class Accounts(parked_desk("accounts")):
    name = "accounts"
    db, call = Database(), Calls()

    @serves(accounts.create_staff)
    def create_staff(self, **request):
        answer = self.db.change(create_staff, **request)
        die_once(request["first_name"])
        return answer

    @serves(accounts.get_contacts)
    def get_contacts(self, account_ids):
        return {"items": []}

    @serves(accounts.get_email_confirmation)
    def get_email_confirmation(self, **request):
        """A call holds its worker for a while: so many are served at once as there are workers."""
        time.sleep(0.4)
        return {"email": "ada@emplois.example", "expires_at": datetime(2026, 12, 1, tzinfo=UTC)}

    @serves(accounts.log_out)
    def log_out(self):
        return self.db.change(announce_confirmation)

    @handles(accounts.EmailConfirmed)
    def claim_remembered_structure(self, account_id):
        self.db.change(write_effect, name="claim", cause=str(account_id))


PROBES = {"accounts": Accounts, "notifications": Notifications}
