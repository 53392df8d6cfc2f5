"""What the first start does once everything runs: reference data, a delivery, a staff account. Each step once a database."""

import hashlib
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from operations.local import programs
from operations.statuses import THERE_ALREADY

STAFF_EMAIL = "support@emplois.example"
PRIVATE = "private"  # The place of the databases that `make run` starts, whatever port they are on today.
FOUND = "staff found"  # Noted beside the steps: the account was there before, so its password may be another.


@dataclass(frozen=True)
class Step:
    """One `./emplois` command, remembered by its name once it has succeeded."""

    name: str
    label: str
    words: tuple[str, ...]


def steps(directory):
    """Return the commands of the first start, in order."""
    delivery = str(directory / "demo-delivery")
    return [
        Step("reference", "Communes et métiers", ("load-reference",)),
        Step("generate", "Livraison ASP fictive", ("generate-delivery", delivery)),
        Step("import", "Import de la livraison", ("import", delivery)),
        Step("staff", f"Compte du support {STAFF_EMAIL}", ("create-staff", "--email", STAFF_EMAIL)),
    ]


def company_to_try(directory):
    """Return the SIREN of a structure of the delivery that can be joined."""
    path = directory / "demo-delivery" / "manifest.json"
    manifest = json.loads(path.read_text()) if path.exists() else {"keys": []}
    found = (key["siret"][:9] for key in manifest["keys"] if key["active"] and key["auth_email"])
    return next(found, "aucun : la livraison n'est pas importée")


def place_of(urls):
    """Return the name of somebody's own databases, the same whatever their passwords become."""
    parts = [urlsplit(url) for url in urls.values()]
    told = sorted(f"{part.username}@{part.hostname}:{part.port}{part.path}?{part.query}" for part in parts)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


class Done:
    """The steps that have succeeded on one set of databases, kept in a file."""

    def __init__(self, directory, place):
        self.path = directory / "first-time.json"
        self.place = place

    def names(self):
        return self._all().get(self.place, [])

    def add(self, *names):
        self.path.write_text(json.dumps(self._all() | {self.place: [*self.names(), *names]}))

    def _all(self):
        try:
            known = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}  # A list named no place: each step bears being repeated.


def run_missing(directory, settings, show, place=PRIVATE):
    """Run the steps that have not succeeded there yet; return what went wrong, by label."""
    done = Done(directory, place)
    for step in steps(directory):
        if step.name in done.names():
            continue
        try:
            with show.step(step.label):
                done.add(step.name, *run(step, settings))
        except programs.CommandFailed as error:
            return {step.label: str(error)}  # Later steps build on it; the next start tries again.
    return {}


def run(step, settings):
    """Run one step; return what to note of it. One that was done and not noted, as we were killed between, is done."""
    try:
        programs.command_line(step.words, settings)
    except programs.CommandFailed as error:
        if error.status != THERE_ALREADY:
            raise
        return [FOUND]
    return []


def staff_log_in(directory, place, password):
    """Return the log-in of the support team's account, without a password that may not be the true one."""
    is_known = place == PRIVATE or FOUND not in Done(directory, place).names()
    return f"{STAFF_EMAIL}  {password if is_known else '(mot de passe déjà choisi)'}"
