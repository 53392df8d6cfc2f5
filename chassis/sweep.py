"""Runs again what was set aside, when its time has come; what must be alone, one at a time with no other event in hand."""

from typing import Any

from chassis import log
from chassis.parked import Received, claim_due, next_alone, park

SWEEP_SECONDS = 0.5
FEWEST = 2  # Also while new messages leave no room, or what was set aside would wait for ever.

_log = log.get()


class Sweep:
    """The sweep of one service's table, over the handlers of its host."""

    def __init__(self, host: Any) -> None:
        self._host = host

    def run(self) -> None:
        """Sweep until the host stops."""
        while not self._host.stopping.wait(SWEEP_SECONDS):
            try:
                self._turn()
            except Exception as error:  # The next turn may succeed.
                _log.warning("sweep_failed", **log.describe(error))

    def _turn(self) -> None:
        with self._host.store.transaction() as (session, now):
            due = claim_due(session, now=now, limit=max(FEWEST, self._host.hands.room))
            alone = next_alone(session)
        for received in due:
            if handler := self._handler(received):
                handler.take_parked(received)
        if alone and not self._host.hands.awaits_alone and (handler := self._handler(alone)):
            handler.take_alone(alone)

    def _handler(self, received: Received) -> Any:
        """Who handles it; where nobody does any more, it is an operator's to decide."""
        handler = self._host.handling.get(received.handler)
        if handler is None:
            with self._host.store.transaction() as (session, now):
                park(session, received, reason="no handler of this name any more", may_heal=False, now=now)
        return handler
