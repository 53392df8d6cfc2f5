"""Health of everything, as the gateway sees it."""

import json
import sys
import urllib.error
import urllib.request

import click
from environs import Env
from rich.table import Table

from operations.commands.asking import console, fail


@click.command("health")
@click.option("--url", help="Adresse du document de santé de la passerelle ; sans elle, OPERATOR_HEALTH_URL.")
def health(url: str | None) -> None:
    """Montrer l'état de chaque service et de ce dont il dépend ; le statut de sortie est 1 si quelque chose ne va pas."""
    document = _ask(url or Env().str("OPERATOR_HEALTH_URL", "http://127.0.0.1:8080/healthz"))
    table = Table("Composant", "État", "Détail")
    for name, entries in document["checks"].items():
        for entry in entries:
            style = "green" if entry["status"] == "pass" else "red"
            table.add_row(name, f"[{style}]{entry['status']}[/{style}]", entry.get("output", ""))
    console.print(table)
    sys.exit(0 if document["status"] == "pass" else 1)


def _ask(url: str) -> dict:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)
    except OSError as error:
        return fail(f"La passerelle ne répond pas : {error.reason if isinstance(error, urllib.error.URLError) else error}")
