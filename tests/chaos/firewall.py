"""Packets that vanish: a table of our own in the kernel's filter drops what goes to or comes from one loopback port."""

import contextlib
import os
import shutil
import subprocess
from uuid import uuid4


def why_not():
    """Say why packets cannot be dropped here, or nothing."""
    if os.geteuid() != 0:
        return "only root may drop packets"
    if not shutil.which("nft"):
        return "the program nft is missing"
    with contextlib.suppress(subprocess.CalledProcessError), dropping(1):
        return ""
    return "the kernel lets nobody drop packets here"


@contextlib.contextmanager
def dropping(port):
    """Drop every packet of one port, both ways, until the end."""
    table = f"emplois_{uuid4().hex[:8]}"
    rules = f"""table inet {table} {{
        chain input {{
            type filter hook input priority 0;
            iifname "lo" tcp dport {port} drop
            iifname "lo" tcp sport {port} drop
        }}
    }}"""
    nft("-f", "-", text=rules)
    try:
        yield
    finally:
        nft("delete", "table", "inet", table)


def nft(*words, text=""):
    subprocess.run(["nft", *words], input=text, text=True, capture_output=True, check=True, timeout=10)
