"""Throw-away environments: one version of nameko, and of all else what the project locks."""

import re
import subprocess
import sys
import venv

from tests.bench.generator import ROOT

# What the chassis and the measured services import.
NEEDED = (
    "kombu", "eventlet", "sqlalchemy", "psycopg[binary]", "marshmallow", "orjson", "python-stdnum", "email-validator", "idna",
    "cryptography", "environs", "structlog", "prometheus-client",
)  # fmt: skip
DONE = "complete"


def make(directory, version):
    """Install, unless that was done before; answers the environment's interpreter."""
    python, constraints = str(directory / "bin" / "python"), directory / "constraints.txt"
    if (directory / DONE).exists():
        return python
    venv.create(directory, with_pip=True, clear=True)
    constraints.write_text("\n".join(locked()) + "\n")
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", str(constraints)]
    done = subprocess.run([*command, f"nameko=={version}", *NEEDED], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    (directory / DONE).touch()
    return python


def locked():
    """Every version of the lock but nameko's, without hashes: pip would else ask for them of nameko too."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    found = (re.match(r"[\w.-]+==[^\\]+", line) for line in lines)
    return [line.group().strip() for line in found if line and not line.group().startswith("nameko=")]
