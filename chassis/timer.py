"""`@every(seconds=…)`: work that time starts, in one process at a time however many run."""

import threading
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from nameko.extensions import Entrypoint

from chassis import log
from chassis.context import Context
from chassis.host import Shares
from chassis.locks import lock_number
from chassis.subject import service_subject

_log = log.get()


class Every(Shares, Entrypoint):
    """Runs a method again and again, `seconds` after it ended; an advisory lock keeps other processes away.

    `wake()` ends the wait early. A failure is logged and the next turn comes.
    """

    def __init__(self, seconds: float, **kwargs: Any) -> None:
        self.seconds = seconds
        self._awake = threading.Event()
        super().__init__(**kwargs)

    @property
    def timer(self) -> str:
        return f"{self.container.service_name}.{self.method_name}"

    def setup(self) -> None:
        self.host.prepare()

    def start(self) -> None:
        self.container.spawn_managed_thread(self._run, identifier=self.timer)

    def stop(self) -> None:
        self.host.quiet()
        self._awake.set()

    def wake(self) -> None:
        """Take the next turn now."""
        self._awake.set()

    def _run(self) -> None:
        while not self.host.stopping.is_set():
            try:
                self._turn_alone()
            except Exception as error:  # The next turn may succeed.
                _log.warning("timer_failed", timer=self.timer, **log.describe(error))
            self._awake.wait(self.seconds)
            self._awake.clear()

    def _turn_alone(self) -> None:
        number = lock_number(f"timer|{self.timer}")
        with self.host.store.reader.connect() as connection:
            if not connection.scalar(sa.text("SELECT pg_try_advisory_lock(:number)"), {"number": number}):
                return
            try:
                self._turn()
            finally:
                connection.execute(sa.text("SELECT pg_advisory_unlock(:number)"), {"number": number})

    def _turn(self) -> None:
        request_id, done = uuid4().hex, threading.Event()
        context = Context(subject=service_subject(self.host.settings.name), request_id=request_id, cause=request_id)

        def ended(_worker: Any, _result: Any, exc_info: Any) -> tuple[Any, Any]:
            if exc_info:
                _log.warning("timer_failed", timer=self.timer, **log.describe(exc_info[1]))
            done.set()
            return None, None

        self.container.spawn_worker(self, (), {}, context_data={"context": context}, handle_result=ended)
        done.wait()


every = Every.decorator
