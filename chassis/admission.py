"""Which calls are refused because too many came.

Behind a backlog each call would be served just before its caller gives up, or after: all the work, and nobody served in time.
"""

import time

MOST_WAITED = 0.4  # Seconds on the way to a worker; one that waited longer is late.
GRACE = 0.4  # Seconds for which late calls are served all the same: a burst passes, a backlog stays.


class Admission:
    """Refuses late calls once they have been late for a while, for as long as every worker is at work."""

    def __init__(self) -> None:
        self._late_since: float | None = None

    def refuses(self, *, seconds_waited: float, is_full: bool) -> bool:
        """Whether to answer at once that the service is busy."""
        if seconds_waited <= MOST_WAITED:
            self._late_since = None
            return False
        now = time.monotonic()
        if self._late_since is None:
            self._late_since = now
        return is_full and now - self._late_since > GRACE  # A worker is free now and then in a backlog too.
