"""Make a service's process cooperative: import this module first, before anything that opens a socket.

psycopg waits in C unless told to wait through `select`, which eventlet can patch; then one slow query stops the whole
process, heartbeats included. `prove_queries_do_not_block` shows at start that it does not.
"""

import os

os.environ["PSYCOPG_WAIT_FUNC"] = "wait_selector"
os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")  # The system's resolver: /etc/hosts and IPv6 as everywhere else.

import warnings

with warnings.catch_warnings():
    # eventlet says at import that it is in maintenance: known, and why nameko stays at the edge.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    import eventlet

eventlet.monkey_patch()

QUERY_SECONDS = 0.3
FEWEST_TICKS = 2  # A driver that blocks lets none through; a starved machine lets few through.
TRIES = 3


class QueriesBlockTheProcess(RuntimeError):
    """The database driver stops every other thread while it waits: this process must not serve."""


def prove_queries_do_not_block(connect) -> None:
    """Raise unless another thread runs during a slow query; `connect` returns a new psycopg connection."""
    if not any(_ticks_during_a_query(connect) >= FEWEST_TICKS for _ in range(TRIES)):
        raise QueriesBlockTheProcess(f"no other thread ran during {TRIES} queries of {QUERY_SECONDS} s")


def _ticks_during_a_query(connect) -> int:
    ticks = 0
    running = True

    def tick() -> None:
        nonlocal ticks
        while running:
            ticks += 1
            eventlet.sleep(0.005)

    ticker = eventlet.spawn(tick)
    try:
        with connect() as connection:
            ticks = 0
            connection.execute("SELECT pg_sleep(%s)", (QUERY_SECONDS,))
            return ticks
    finally:
        running = False
        ticker.wait()
