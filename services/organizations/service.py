"""Organizations: structures, who acts for them, and the deliveries that tell which may. The table of contents."""

from chassis.desk import parked_desk
from chassis.providers import Database, Settings
from chassis.serve import serves
from chassis.timer import every
from contracts import organizations as contract
from services.organizations.actions import deliveries, joining, members, reference


class Organizations(parked_desk("organizations")):  # type: ignore[misc]
    """Employers and their members."""

    name = "organizations"
    db, settings = Database(), Settings()

    @serves(contract.find_structures)
    def find_structures(self, **request):
        return self.db.read(joining.find_structures, **request)

    @serves(contract.request_magic_link)
    def request_magic_link(self, **request):
        return self.db.change(joining.request_magic_link, token_key=self.settings.token_key, **request)

    @serves(contract.get_magic_link)
    def get_magic_link(self, **request):
        return self.db.read(joining.get_magic_link, **request)

    @serves(contract.get_mail_link)
    def get_mail_link(self, **request):
        keys = {"token_key": self.settings.token_key, "public_url": self.settings.public_url}
        return self.db.read(joining.get_mail_link, **keys, **request)

    @serves(contract.claim_structure)
    def claim_structure(self, **request):
        return self.db.change(joining.claim_structure, **request)

    @serves(contract.get_standing)
    def get_standing(self, **request):
        return self.db.read(members.get_standing, **request)

    @serves(contract.admit_member)
    def admit_member(self, **request):
        return self.db.change(members.admit_member, **request)

    @serves(contract.list_members)
    def list_members(self, **request):
        return self.db.read(members.list_members, **request)

    @serves(contract.list_my_organizations)
    def list_my_organizations(self, **request):
        return self.db.read(members.list_my_organizations, **request)

    @serves(contract.load_towns)
    def load_towns(self, **request):
        return self.db.change(reference.load_towns, **request)

    @serves(contract.load_appellations)
    def load_appellations(self, **request):
        return self.db.change(reference.load_appellations, **request)

    @serves(contract.receive_delivery_batch)
    def receive_delivery_batch(self, **request):
        return self.db.change(deliveries.receive_delivery_batch, **request)

    @serves(contract.plan_delivery)
    def plan_delivery(self, **request):
        return self.db.change(deliveries.plan_delivery, **request)

    @serves(contract.apply_delivery)
    def apply_delivery(self, **request):
        self.db.step(deliveries.plan_again_if_changed, **request)  # Its new plan stays, though the second is then refused.
        return self.db.change(deliveries.apply_delivery, **request)

    @serves(contract.get_delivery)
    def get_delivery(self, **request):
        return self.db.read(deliveries.get_delivery, **request)

    @every(seconds=0.5)
    def apply_due_deliveries(self):
        self.db.step(deliveries.apply_due_delivery)

    @every(seconds=3600)
    def forget_old_deliveries(self):
        self.db.step(deliveries.forget_old_deliveries)
