"""Make the machine ready: Debian packages, then a virtual environment with the locked libraries.

Standard library only, since nothing else is installed yet. Run it with the interpreter the project is to use:
`python3 operations/bootstrap.py [--dev]`. A second run finds its stamp and costs nothing.
"""

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".installed.json"
LOCKS = {"runtime": ROOT / "requirements.lock", "dev": ROOT / "requirements-dev.lock"}

CANNOT_INSTALL = """\
Il manque {missing}, et ce compte n'a pas pu les installer.

  - soit, une fois, par une personne qui administre la machine :
        {sudo}apt-get install {packages}
  - soit tout dans des conteneurs, sans rien installer d'autre que Docker :
        docker compose up --wait    (l'en-tête de docker-compose.yml dit comment faire d'abord les secrets)
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dev", action="store_true", help="also what tests and checks need")
    wanted = "dev" if parser.parse_args().dev else "runtime"
    if sys.version_info < (3, 11):
        sys.exit("Il faut Python 3.11 ou plus récent : make PYTHON=python3.13 …")
    (ROOT / ".run").mkdir(exist_ok=True)
    with open(ROOT / ".run" / "bootstrap.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `make run` and `make test` may start together.
        install_packages(missing_packages(wanted))
        install_libraries(wanted)


def say(line):
    print(f"· {line}", flush=True)


# -- Debian packages


def missing_packages(wanted):
    """Return the Debian packages whose programs are not on this machine."""
    missing = missing_test_packages() if wanted == "dev" else []
    if not can_make_environments():
        missing.append("python3-venv")
    if not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")) and not shutil.which("postgres"):
        missing.append("postgresql")
    if not list(Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server")):
        missing.append("rabbitmq-server")
    return missing


def missing_test_packages():
    """Return what only tests need; nft does nothing for anyone but root."""
    programs = {"chromium": "chromium", "faketime": "faketime"}
    if os.geteuid() == 0:
        programs["nft"] = "nftables"
    return [package for program, package in programs.items() if not shutil.which(program)]


def can_make_environments():
    """Say whether this interpreter brings venv and pip: Debian splits them off, others do not."""
    probe = [sys.executable, "-c", "import ensurepip, venv"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def install_packages(missing):
    if not missing:
        return
    prefix = root_prefix()
    if prefix is None:
        sudo = "sudo " if shutil.which("sudo") else ""
        sys.exit(CANNOT_INSTALL.format(missing=", ".join(missing), packages=" ".join(missing), sudo=sudo))
    say(f"Installation des paquets Debian : {', '.join(missing)}")
    # Debian may start its own servers on the standard ports; ours stand on others, so neither disturbs the other.
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    log = ROOT / ".run" / "apt.log"
    run_logged([*apt, "update"], log, must_succeed=False)  # A stale list often still serves.
    run_logged([*apt, "install", "--yes", "--no-install-recommends", *missing], log)


def root_prefix():
    """Return what to put before a command that needs root, or None where nothing gives that right."""
    if not shutil.which("apt-get"):
        return None
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    return [sudo, "-n"] if sudo and lets_us_in(sudo) else None


def lets_us_in(sudo):
    """Say whether sudo gives us root's rights; on a terminal it may ask for a password, once."""
    if subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return True
    if not sys.stdin.isatty():
        return False
    say("Des paquets Debian sont à installer : sudo demande votre mot de passe")
    return subprocess.run([sudo, "-v"], check=False).returncode == 0


# -- the virtual environment


def install_libraries(wanted):
    stamp = read_stamp()
    if stamp.get("python") != sys.version and VENV.exists():
        shutil.rmtree(VENV)
        stamp = {}
    if is_installed(stamp, wanted):
        return
    log = ROOT / ".run" / "pip.log"
    python = str(VENV / "bin" / "python")
    if not Path(python).exists():
        say(f"Création de l'environnement .venv (Python {sys.version.split()[0]})")
        run_logged([sys.executable, "-m", "venv", str(VENV)], log)
    count = sum("==" in line for line in LOCKS[wanted].read_text().splitlines())
    say(f"Installation de {count} bibliothèques ({LOCKS[wanted].name}), une minute environ")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install"]
    run_logged([*pip, "--no-input", "--no-deps", "--require-hashes", "-r", str(LOCKS[wanted])], log)
    write_stamp(wanted)


def is_installed(stamp, wanted):
    """Say whether the environment holds these very libraries; the dev lock contains the other one."""
    if stamp.get("dev") == digest("dev") and stamp.get("runtime") == digest("runtime"):
        return True
    return stamp.get(wanted) == digest(wanted) and wanted == "runtime"


def digest(name):
    return hashlib.sha256(LOCKS[name].read_bytes()).hexdigest()


def read_stamp():
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def write_stamp(wanted):
    names = ["runtime", "dev"] if wanted == "dev" else ["runtime"]
    STAMP.write_text(json.dumps({"python": sys.version, **{name: digest(name) for name in names}}))


def run_logged(command, log, must_succeed=True):
    """Run a command whose words go to a log; show the log's end only when it fails."""
    with open(log, "ab") as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0 and must_succeed:
        tail = log.read_text(errors="replace").splitlines()[-15:]
        sys.exit("\n".join([*tail, "", f"Échec de : {' '.join(command[:6])} … (journal complet : {log})"]))


if __name__ == "__main__":
    main()
