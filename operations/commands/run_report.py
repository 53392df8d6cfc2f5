"""What an import gave, told to the operator: on the screen, and in a file for spreadsheets."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from contracts import sync
from contracts.method import Method
from contracts.vocabulary import RunState
from operations.commands.asking import Services, console, fail, moment, say
from operations.commands.delivery_files import reason, shown
from operations.statuses import WRONG_USE

SHOWN = 10  # Findings of each level, and structures of each reason, on the screen.
PAGE = 5000
STATE_LABELS = {
    RunState.RECEIVED: "lecture des fichiers",
    RunState.STAGED: "envoi aux organisations",
    RunState.SENT: "examen",
    RunState.PLANNED: "examen terminé",
    RunState.APPLYING: "application",
    RunState.APPLIED: "appliqué",
    RunState.REFUSED: "refusé",
}
QUEUED = "en attente d'un autre import"
SUMMARY_LABELS = {
    "structures_created": "Structures créées",
    "structures_updated": "Structures modifiées",
    "structures_renumbered": "Structures renumérotées par l'ASP",
    "conventions_created": "Conventions créées",
    "conventions_activated": "Conventions réactivées",
    "conventions_deactivated": "Conventions désactivées",
    "signatures_updated": "SIRET de signature modifiés",
    "annexes_created": "Annexes créées",
    "annexes_updated": "Annexes modifiées",
    "annexes_deleted": "Annexes supprimées",
}
HELD_LABELS = {
    "unknown": "Structures laissées en l'état",
    "siret_taken": "Non appliquées, SIRET déjà pris",
    "siren_changed": "Non appliquées, SIREN changé",
    "no_official_address": "Non créées, sans adresse officielle",
}
CSV_COLUMNS = ("level", "view", "line_number", "column", "code", "message")


@dataclass(frozen=True)
class Findings:
    """Some findings of one level, and how many there are."""

    items: Sequence[dict[str, Any]]
    total_count: int


def state_label(run: dict[str, Any]) -> str:
    """Where a run stands, in words."""
    return QUEUED if run["is_queued"] else STATE_LABELS[run["state"]]


def report(ask: Services, run: dict[str, Any], csv_path: Path | None) -> None:
    """What was read, what was set aside or is odd, what changes; all findings in the file where one is named."""
    most = None if csv_path else SHOWN
    rejects, remarks = (_ask_for_findings(ask, method, run["run_id"], most) for method in (sync.list_rejects, sync.list_remarks))
    if run["read_count"]:
        _print_table(run, rejects.total_count, remarks.total_count)
    _print_findings("Lignes écartées :", rejects)
    _print_findings("Remarques, sur des lignes gardées :", remarks)
    if csv_path:
        _write_findings(csv_path, rejects, remarks)


def check_writable(path: Path) -> None:
    """End the command now if that file could not be written once the import is over."""
    try:
        wrong = _why_not_writable(path)
    except OSError as error:
        wrong = reason(error)
    if wrong:
        fail(f"--rejects {shown(path)} : {wrong}.", status=WRONG_USE)


def _why_not_writable(path: Path) -> str:
    if not path.parent.is_dir():
        return "ce dossier n'existe pas"
    if path.is_dir():
        return "c'est un dossier, un fichier est attendu"
    return "" if os.access(path if path.exists() else path.parent, os.W_OK) else "impossible d'écrire là"


def _ask_for_findings(ask: Services, method: Method, run_id: Any, most: int | None) -> Findings:
    items: list[dict[str, Any]] = []
    while True:
        after = items[-1]["position"] if items else 0
        page = ask.ask_patiently(method, run_id=run_id, after=after, limit=most or PAGE)
        items += page["items"]
        if most or len(page["items"]) < PAGE:
            return Findings(items, page["total_count"])


def _print_table(run: dict[str, Any], reject_count: int, remark_count: int) -> None:
    table = Table(title="Examen" if run["is_dry"] else "Import", show_header=False)
    table.add_row("Lignes lues", str(run["read_count"]))
    for view in run["views"]:
        table.add_row(f"Vue {view['view']}", _described(view))
    table.add_row("Lignes écartées", str(reject_count))
    table.add_row("Remarques", str(remark_count))
    summary = run["summary"] or {}
    for name, label in SUMMARY_LABELS.items():
        if summary:
            table.add_row(label, str(summary.get(name, 0)))
    for why, held in (summary.get("held") or {}).items():
        table.add_row(HELD_LABELS.get(why, why), _counted(held))
    console.print(table)


def _described(view: dict[str, Any]) -> str:
    extracted = f", du {moment(view['extracted_at'])}" if view["extracted_at"] else ", sans date"
    return f"{view['record_count']} lues{extracted}{'' if view['has_fin'] else ', sans ligne FIN'}"


def _counted(held: dict[str, Any]) -> str:
    listed = ", ".join(held["structures"][:SHOWN])
    return f"{held['count']} ({listed}{', …' if held['count'] > SHOWN else ''})"


def _print_findings(title: str, findings: Findings) -> None:
    if findings.items:
        say(title)
    for one in findings.items[:SHOWN]:
        column = f", {one['column']}" if one["column"] else ""
        say(f"  {one['view']} ligne {one['line_number']}{column} : {one['message']}")
    hidden = findings.total_count - min(SHOWN, len(findings.items))
    if hidden > 0:
        say(f"  … et {hidden} de plus : --rejects FICHIER.csv les écrit toutes.")


def _write_findings(path: Path, rejects: Findings, remarks: Findings) -> None:
    rows = [{name: _cell(one[name]) for name in CSV_COLUMNS} for one in (*rejects.items, *remarks.items)]
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, CSV_COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        fail(f"{shown(path)} : ce fichier ne peut pas être écrit ({reason(error)}).")
    kept = f"{len(rejects.items)} lignes écartées sur {rejects.total_count}"
    say(f"{kept} et {len(remarks.items)} remarques sur {remarks.total_count} écrites dans {shown(path)}")


def _cell(value: Any) -> Any:
    """A cell that a spreadsheet does not take for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
