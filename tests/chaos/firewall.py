"""Packets that vanish: a table of our own in the kernel's filter drops what goes to or comes from one loopback port.

The table belongs to a process that reads from us: the kernel removes it when that ends, and it ends when we do, killed or not.
"""

import contextlib
import os
import shutil
import subprocess
import time
from uuid import uuid4


class PacketsAreNotDropped(Exception):
    """The kernel refused the rules."""


def why_not():
    """Say why packets cannot be dropped here, or nothing."""
    if os.geteuid() != 0:
        return "only root may drop packets"
    if not shutil.which("nft"):
        return "the program nft is missing"
    with contextlib.suppress(PacketsAreNotDropped), dropping(1):
        return ""
    return "the kernel lets nobody drop packets here"


@contextlib.contextmanager
def dropping(port):
    """Drop every packet of one port, both ways, until the end."""
    table = f"inet emplois_{uuid4().hex[:8]}"
    rules = f"""add table {table} {{ flags owner; }}
add chain {table} input {{ type filter hook input priority 0; }}
add rule {table} input iifname "lo" tcp dport {port} drop
add rule {table} input iifname "lo" tcp sport {port} drop
"""
    owner = subprocess.Popen(
        ["nft", "-i"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    )
    try:
        owner.stdin.write(rules)
        owner.stdin.flush()
        wait_until_it_holds(table, f"sport {port}")  # The last rule's.
        yield
    finally:
        owner.communicate(timeout=10)
        assert not listing(table)


def wait_until_it_holds(table, rule):
    end = time.monotonic() + 3
    while rule not in listing(table):
        if time.monotonic() > end:
            raise PacketsAreNotDropped
        time.sleep(0.05)


def listing(table):
    """What the kernel says of a table; nothing when there is none."""
    return subprocess.run(["nft", "list", "table", *table.split()], capture_output=True, text=True, check=False).stdout
