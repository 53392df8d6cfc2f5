"""What entrypoints hold: `self.db`, `self.call`, `self.settings`. Nothing here may fail: nameko would end the process."""

from typing import Any

from nameko.extensions import DependencyProvider

from chassis.call import Calling
from chassis.context import Context
from chassis.db import Work
from chassis.host import Shares
from chassis.settings import ServiceSettings


def _context(worker: Any) -> Context:
    return worker.data["context"]


class _Provider(Shares, DependencyProvider):
    def setup(self) -> None:
        self.host.prepare()


class Database(_Provider):
    """`self.db.change(action, …)`, `.step(…)`, `.read(…)`."""

    def get_dependency(self, worker: Any) -> Work:
        return Work(self.host.store, _context(worker))


class Calls(_Provider):
    """`self.call(method, …)`; `self.call.as_service(method, …)`."""

    def get_dependency(self, worker: Any) -> Calling:
        return Calling(self.host.caller, _context(worker))


class Settings(_Provider):
    """`self.settings`: the frozen settings of the process."""

    def get_dependency(self, worker: Any) -> ServiceSettings:
        return self.host.settings
