"""Notifications: a mail for each fact that somebody is told of. The table of contents."""

from chassis.desk import parked_desk
from chassis.inbox import handles
from chassis.providers import Database
from chassis.serve import serves
from chassis.timer import every
from contracts import accounts, invitations, organizations
from contracts import notifications as contract
from services.notifications import actions
from services.notifications.mailroom import Mails


class Notifications(parked_desk("notifications")):  # type: ignore[misc]
    """Transactional mail."""

    name = "notifications"
    db = Database()
    mails = Mails()

    @serves(contract.list_mails)
    def list_mails(self, **request):
        return self.db.read(actions.list_mails, **request)

    @handles(organizations.MagicLinkRequested)
    def email_magic_link(self, **fact):
        self.mails.queue(actions.queue_magic_link, **fact)

    @handles(accounts.EmailConfirmationRequested)
    def email_confirmation_link(self, **fact):
        self.mails.queue(actions.queue_confirmation_link, **fact)

    @handles(accounts.KnownAddressSignedUp)
    def email_known_address(self, **fact):
        self.mails.queue(actions.queue_known_address, **fact)

    @handles(invitations.InvitationSent)
    def email_invitation(self, **fact):
        self.mails.queue(actions.queue_invitation, **fact)

    @handles(invitations.InvitationAccepted)
    def email_accepted_invitation(self, **fact):
        self.mails.queue(actions.queue_accepted_invitation, **fact)

    @every(seconds=1)
    def send_due_mails(self):
        self.mails.send_due()

    @every(seconds=600)
    def forget_old_mails(self):
        self.db.step(actions.forget_old_mails)
