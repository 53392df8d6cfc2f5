"""The shipped towns and jobs."""

import json
from pathlib import Path
from typing import Any

import click
from marshmallow import ValidationError

from contracts import organizations
from contracts.method import Method
from operations.commands.asking import Services, console, fail, services
from operations.commands.delivery_files import reason, shown
from operations.statuses import WRONG_USE

SHIPPED = Path(__file__).resolve().parent.parent.parent / "services" / "organizations" / "reference"
BATCH = 500


@click.command("load-reference")
@click.option("--towns", type=click.Path(path_type=Path), default=SHIPPED / "towns.json", help="Fichier JSON des communes.")
@click.option("--jobs", type=click.Path(path_type=Path), default=SHIPPED / "appellations.json", help="Fichier JSON des métiers.")
def load_reference(towns: Path, jobs: Path) -> None:
    """Charger les communes et les métiers ; ceux qui sont déjà là sont mis à jour."""
    wanted = (("communes", organizations.load_towns, towns), ("métiers", organizations.load_appellations, jobs))
    batches = {label: _batches(method, path) for label, method, path in wanted}  # All are read before any is sent.
    with services() as ask:
        for label, method, _ in wanted:
            console.print(f"{_load(ask, method, batches[label])} {label}")


def _batches(method: Method, path: Path) -> list[Any]:
    """The file's rows, as the method takes them; the command ends where they cannot be read."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(rows, list):
            raise TypeError
        return [method.takes().load({"items": rows[start : start + BATCH]})["items"] for start in range(0, len(rows), BATCH)]
    except OSError as error:
        return fail(f"{shown(path)} : impossible de lire ce fichier ({_reason(error)}).", status=WRONG_USE)
    except (ValueError, TypeError, LookupError, ValidationError):
        items: Any = method.takes().fields["items"]
        form = ", ".join(items.inner.nested().fields)
        return fail(f"{shown(path)} : une liste JSON est attendue, d'objets avec {form}.", status=WRONG_USE)


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "il n'existe pas"
    return "c'est un dossier" if isinstance(error, IsADirectoryError) else reason(error)


def _load(ask: Services, method: Method, batches: list[Any]) -> int:
    return sum(ask.ask(method, items=items)["loaded_count"] for items in batches)
