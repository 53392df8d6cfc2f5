"""Deliveries of the ASP: import one, or make a fictitious one."""

import csv
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import click
from environs import Env
from rich.progress import Progress
from rich.table import Table

from chassis.files import Files
from contracts import sync
from contracts.vocabulary import RunState
from operations.commands.asking import Services, console, fail, services

POLL_SECONDS = 0.3
SHOWN_REJECTS = 10
ENDS = {True: {RunState.PLANNED, RunState.REFUSED}, False: {RunState.APPLIED, RunState.REFUSED}}
STEPS = [RunState.RECEIVED, RunState.STAGED, RunState.SENT, RunState.PLANNED, RunState.APPLYING, RunState.APPLIED]
STEP_LABELS = {
    RunState.RECEIVED: "lecture des fichiers",
    RunState.STAGED: "envoi aux organisations",
    RunState.SENT: "examen",
    RunState.PLANNED: "examen terminé",
    RunState.APPLYING: "application",
    RunState.APPLIED: "appliqué",
    RunState.REFUSED: "refusé",
}
HELD_LABELS = {
    "siret_taken": "Non appliquées, SIRET déjà pris",
    "siren_changed": "Non appliquées, SIREN changé",
    "no_official_address": "Non créées, sans adresse officielle",
}
SUMMARY_LABELS = {
    "structures_created": "Structures créées",
    "structures_updated": "Structures modifiées",
    "conventions_created": "Conventions créées",
    "conventions_activated": "Conventions réactivées",
    "conventions_deactivated": "Conventions désactivées",
    "annexes_created": "Annexes créées",
    "annexes_updated": "Annexes modifiées",
    "annexes_deleted": "Annexes supprimées",
}


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Examiner seulement : rien n'est modifié.")
@click.option(
    "--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Écrire les lignes écartées dans un fichier CSV."
)
def import_delivery(paths: tuple[Path, ...], dry_run: bool, rejects: Path | None) -> None:
    """Importer une livraison de l'ASP : un dossier, une archive, ou les deux fichiers."""
    files = _delivery_files(paths)
    stored = [vars(_store(path)) for path in files]
    with services() as ask:
        run = ask.ask(sync.open_run, key=uuid4().hex, files=stored, is_dry=dry_run)
        run = _follow(ask, run, dry_run)
        set_aside = ask.ask(sync.list_rejects, run_id=run["run_id"], limit=100_000 if rejects else SHOWN_REJECTS)
    _report(run, set_aside)
    if rejects:
        _write_rejects(rejects, set_aside["items"])
        console.print(f"{len(set_aside['items'])} lignes écartées sur {set_aside['total_count']} écrites dans {rejects}")
    if run["state"] == RunState.REFUSED:
        fail(run["refusal"] or "La livraison est refusée.")


def _delivery_files(paths: tuple[Path, ...]) -> list[Path]:
    found = [file for path in paths for file in (sorted(path.glob("fluxIAE_*")) if path.is_dir() else [path])]
    return found or fail("Aucun fichier « fluxIAE_… » dans ce dossier.")


def _store(path: Path) -> Any:
    directory = Env().path("FILES_DIR", None) or fail("Indiquez FILES_DIR, le dossier partagé avec le service sync.")
    with path.open("rb") as source:
        return Files(directory).put(source, path.name)


def _follow(ask: Services, run: dict[str, Any], is_dry: bool) -> dict[str, Any]:
    """Show a run's progress until it ends."""
    with Progress(console=console) as progress:
        bar = progress.add_task("import", total=len(STEPS) + 1)
        while run["state"] not in ENDS[is_dry]:
            time.sleep(POLL_SECONDS)
            run = ask.ask(sync.get_run, run_id=run["run_id"])
            progress.update(bar, description=_description(run), completed=_advance(run))
        progress.update(bar, description=_description(run), completed=len(STEPS) + 1)
    return run


def _description(run: dict[str, Any]) -> str:
    lots = f" ({run['sent_batch_count']}/{run['batch_count']} lots)" if run["state"] == RunState.STAGED else ""
    return STEP_LABELS[run["state"]] + lots


def _advance(run: dict[str, Any]) -> float:
    if run["state"] not in STEPS:
        return len(STEPS) + 1
    sent = run["sent_batch_count"] / run["batch_count"] if run["state"] == RunState.STAGED and run["batch_count"] else 0
    return STEPS.index(run["state"]) + 1 + sent


def _report(run: dict[str, Any], set_aside: dict[str, Any]) -> None:
    table = Table(title="Examen" if run["is_dry"] else "Import", show_header=False)
    table.add_row("Lignes lues", str(run["read_count"]))
    table.add_row("Lignes écartées", str(set_aside["total_count"]))
    for name, label in SUMMARY_LABELS.items():
        if run["summary"]:
            table.add_row(label, str(run["summary"].get(name, 0)))
    for reason, held in ((run["summary"] or {}).get("held") or {}).items():
        table.add_row(HELD_LABELS.get(reason, reason), f"{held['count']} ({', '.join(held['structures'])})")
    console.print(table)
    for reject in set_aside["items"][:SHOWN_REJECTS]:
        console.print(f"  {reject['view']} ligne {reject['line_number']} : {reject['message']}", markup=False, highlight=False)
    hidden = set_aside["total_count"] - min(SHOWN_REJECTS, len(set_aside["items"]))
    if hidden > 0:
        console.print(f"  … et {hidden} autres : --rejects FICHIER.csv les écrit.")


def _write_rejects(path: Path, items: list[dict[str, Any]]) -> None:
    columns = ["view", "line_number", "column", "code", "message"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({key: _cell(item[key]) for key in columns} for item in items)


def _cell(value: Any) -> Any:
    """A cell that a spreadsheet does not take for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


@click.command("generate-delivery", context_settings={"ignore_unknown_options": True})
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def generate_delivery(directory: Path, options: tuple[str, ...]) -> None:
    """Fabriquer une livraison fictive ; les options sont celles de services.sync.generator."""
    command = [sys.executable, "-m", "services.sync.generator", "--out", str(directory), *options]
    sys.exit(subprocess.run(command, check=False).returncode)
