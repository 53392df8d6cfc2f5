"""Sync: deliveries of the ASP on their way to organizations. The table of contents."""

from chassis.desk import parked_desk
from chassis.providers import Calls, Database, Settings
from chassis.serve import serves
from chassis.timer import every
from contracts import sync as contract
from services.sync import actions, uploads
from services.sync.runs import Desk, advance_runs
from services.sync.settings import bad_share


class Sync(parked_desk("sync")):  # type: ignore[misc]
    """Deliveries: opened by an operator, moved by a timer."""

    name = "sync"
    db, call, settings = Database(), Calls(), Settings()

    @serves(contract.open_run)
    def open_run(self, **request):
        uploads.find_uploads(self.settings.files_dir, request["files"])  # Digests are no work for a transaction.
        return self.db.change(actions.open_run, **request)

    @serves(contract.get_run)
    def get_run(self, **request):
        return self.db.read(actions.get_run, **request)

    @serves(contract.list_rejects)
    def list_rejects(self, **request):
        return self.db.read(actions.list_rejects, **request)

    @serves(contract.list_remarks)
    def list_remarks(self, **request):
        return self.db.read(actions.list_remarks, **request)

    @every(seconds=0.5)
    def advance_runs(self):
        advance_runs(Desk(self.db, self.call.as_service, self.settings.files_dir, bad_share()))

    @every(seconds=3600)
    def sweep_uploads(self):
        needed, before = self.db.step(actions.list_needed_uploads)
        uploads.sweep_uploads(self.settings.files_dir, needed, before)
