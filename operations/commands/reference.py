"""The shipped towns and jobs."""

import json
from pathlib import Path
from typing import Any

import click

from contracts import organizations
from contracts.method import Method
from operations.commands.asking import console, services

SHIPPED = Path(__file__).resolve().parent.parent.parent / "services" / "organizations" / "reference"
BATCH = 500


@click.command("load-reference")
@click.option("--towns", type=click.Path(exists=True, path_type=Path), default=SHIPPED / "towns.json")
@click.option("--jobs", type=click.Path(exists=True, path_type=Path), default=SHIPPED / "appellations.json")
def load_reference(towns: Path, jobs: Path) -> None:
    """Charger les communes et les métiers ; ceux qui sont déjà là sont mis à jour."""
    with services() as ask:
        for label, method, path in (
            ("communes", organizations.load_towns, towns),
            ("métiers", organizations.load_appellations, jobs),
        ):
            console.print(f"{_load(ask, method, path)} {label}")


def _load(ask: Any, method: Method, path: Path) -> int:
    rows = json.loads(path.read_text(encoding="utf-8"))
    return sum(
        ask.ask(method, items=method.takes().load({"items": rows[start : start + BATCH]})["items"])["loaded_count"]
        for start in range(0, len(rows), BATCH)
    )
