"""Health of everything, as the gateway sees it."""

import http.client
import json
import sys
import urllib.error
import urllib.request
from typing import Any

import click
from environs import Env
from rich.markup import escape
from rich.table import Table

from operations.commands.asking import console, fail
from operations.statuses import WRONG_USE


@click.command("health")
@click.option("--url", help="Adresse du document de santé de la passerelle ; sans elle, OPERATOR_HEALTH_URL.")
def health(url: str | None) -> None:
    """Montrer l'état de chaque service et de ce dont il dépend ; le statut de sortie est 1 si quelque chose ne va pas."""
    url = url or Env().str("OPERATOR_HEALTH_URL", "http://127.0.0.1:8080/healthz")
    document = _ask(url)
    try:
        table = _table(document)
        is_well = document["status"] == "pass"
    except (LookupError, TypeError, AttributeError):
        fail(f"« {url} » répond autre chose qu'un document de santé.", status=WRONG_USE)
    console.print(table)
    sys.exit(0 if is_well else 1)


def _table(document: Any) -> Table:
    table = Table("Composant", "État", "Détail")
    for name, entries in document["checks"].items():
        for entry in entries:
            style = "green" if entry["status"] == "pass" else "red"
            table.add_row(escape(name), f"[{style}]{escape(entry['status'])}[/{style}]", escape(entry.get("output", "")))
    return table


def _ask(url: str) -> Any:
    try:
        return _read(url)
    except (OSError, http.client.HTTPException) as error:
        return fail(f"La passerelle ne répond pas : {error.reason if isinstance(error, urllib.error.URLError) else error}")
    except (json.JSONDecodeError, UnicodeDecodeError):
        return fail(f"« {url} » répond autre chose qu'un document de santé.", status=WRONG_USE)
    except ValueError:
        return fail(f"« {url} » n'est pas une adresse, comme http://127.0.0.1:8080/healthz.", status=WRONG_USE)


def _read(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as answer:
        return json.load(answer)  # An unwell gateway answers 503, and says why.
