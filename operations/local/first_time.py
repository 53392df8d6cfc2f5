"""What the first start does once everything runs: reference data, a delivery, a staff account. Each step once."""

import json
from dataclasses import dataclass

from operations.local import programs

STAFF_EMAIL = "support@emplois.example"


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


def run_missing(directory, settings, show):
    """Run the steps that have not succeeded yet; return what went wrong, by label."""
    ledger = directory / "first-time.json"
    done = json.loads(ledger.read_text()) if ledger.exists() else []
    for step in steps(directory):
        if step.name in done:
            continue
        try:
            with show.step(step.label):
                programs.command_line(step.words, settings)
        except programs.CommandFailed as error:
            return {step.label: str(error)}  # Later steps build on it; the next start tries again.
        done.append(step.name)
        ledger.write_text(json.dumps(done))
    return {}
