"""Invitations: who was invited where, by whom, and what became of it. The table of contents."""

from chassis.desk import parked_desk
from chassis.providers import Calls, Database, Settings
from chassis.serve import serves
from chassis.timer import every
from contracts import invitations as contract
from contracts import organizations
from services.invitations import acceptance, actions


class Invitations(parked_desk("invitations")):  # type: ignore[misc]
    """Invitations to organizations."""

    name = "invitations"
    db, call, settings = Database(), Calls(), Settings()

    @serves(contract.invite)
    def invite(self, organization_id, **request):
        standing = self.call(organizations.get_standing, organization_id=organization_id)
        known = {"standing": standing, "token_key": self.settings.token_key}
        return self.db.change(actions.invite, organization_id=organization_id, **request, **known)

    @serves(contract.list_invitations)
    def list_invitations(self, organization_id):
        standing = self.call(organizations.get_standing, organization_id=organization_id)
        return self.db.read(actions.list_invitations, organization_id=organization_id, standing=standing)

    @serves(contract.get_invitation)
    def get_invitation(self, token):
        return self.db.read(actions.get_invitation, token=token)

    @serves(contract.check_acceptance)
    def check_acceptance(self, token):
        return acceptance.check_acceptance(self.db, self.call, self.settings.signing_key, token=token)

    @serves(contract.accept_invitation)
    def accept_invitation(self, token):
        one_kind = self.settings.one_kind_per_email
        return acceptance.accept_invitation(self.db, self.call, token=token, one_kind_per_email=one_kind)

    @serves(contract.get_mail_link)
    def get_mail_link(self, **request):
        where = {"token_key": self.settings.token_key, "public_url": self.settings.public_url}
        return self.db.read(actions.get_mail_link, **request, **where)

    @every(seconds=10)
    def resume_acceptances(self):
        acceptance.resume_acceptances(self.db, self.call)
