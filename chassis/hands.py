"""How many events are handled at once, so that calls always find a worker; and which one must be the only one in hand."""

import threading
from collections import deque
from collections.abc import Callable

Start = Callable[[], None]


class Hands:
    """Starts what it is given, in order, at most `most` at a time; each start is answered by one `finished`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._in_hand = 0
        self._is_alone = False
        self._waiting: deque[tuple[Start, bool]] = deque()
        self._lock = threading.Lock()

    @property
    def room(self) -> int:
        """How many more would be started at once."""
        return max(0, self._most - self._in_hand - len(self._waiting))

    @property
    def awaits_alone(self) -> bool:
        """Whether something is alone in hand, or waits to be."""
        return self._is_alone or any(alone for _, alone in list(self._waiting))

    def take(self, start: Start) -> None:
        """Start this as soon as a hand is free."""
        self._enter(start, alone=False)

    def take_alone(self, start: Start) -> None:
        """Start this when nothing else is in hand, and nothing else until it has finished."""
        self._enter(start, alone=True)

    def finished(self) -> None:
        """One of those started has ended, whatever became of it."""
        with self._lock:
            self._in_hand -= 1
            self._is_alone = False
        self._begin()

    def _enter(self, start: Start, *, alone: bool) -> None:
        with self._lock:
            self._waiting.append((start, alone))
        self._begin()

    def _begin(self) -> None:
        while start := self._next():
            start()

    def _next(self) -> Start | None:
        with self._lock:
            if not self._waiting or self._is_alone:
                return None
            start, alone = self._waiting[0]
            if self._in_hand >= (1 if alone else self._most):
                return None
            self._waiting.popleft()
            self._in_hand += 1
            self._is_alone = alone
            return start
