"""Seconds to wait before each next attempt at what broke."""

import random
from collections.abc import Iterator

SHORTEST_WAIT, LONGEST_WAIT = 0.2, 5.0  # Seconds, doubling between the two, with jitter.


def waits() -> Iterator[float]:
    """The waits of one outage: they grow up to a cap and never end; begin anew after a success."""
    wait = SHORTEST_WAIT
    while True:
        yield wait * random.uniform(0.5, 1.0)
        wait = min(wait * 2, LONGEST_WAIT)
