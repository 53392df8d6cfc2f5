"""One at a time: who starts, and who deletes, what runs from a clone."""

import contextlib
import fcntl

NAME = "run.lock"


class AlreadyRuns(Exception):
    """Another process holds this clone."""


@contextlib.contextmanager
def hold(directory):
    """Hold a clone until the end of the block; the system itself lets go of it for one that is killed."""
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / NAME, "w") as lock:  # Never deleted: two could hold two files of one name.
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRuns from None
        yield
