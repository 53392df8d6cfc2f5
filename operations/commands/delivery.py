"""Deliveries of the ASP: import one, look how far an import has come, or make a fictitious one."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import click
from rich.progress import Progress

from chassis.wire import CallFailed
from contracts import sync
from contracts.errors import Unavailable
from contracts.vocabulary import RunState
from operations.commands.asking import Services, console, fail, say, services
from operations.commands.delivery_files import find_files, stored
from operations.commands.run_report import check_writable, report, state_label
from operations.statuses import INTERRUPTED, WRONG_USE

POLL_SECONDS = 0.3
ENDS = {True: {RunState.PLANNED, RunState.REFUSED}, False: {RunState.APPLIED, RunState.REFUSED}}
STEPS = [RunState.RECEIVED, RunState.STAGED, RunState.SENT, RunState.PLANNED, RunState.APPLYING, RunState.APPLIED]

# Arguments are checked here rather than by click, which speaks English.
_path = click.Path(path_type=Path)
rejects_option = click.option("--rejects", type=_path, help="Écrire les lignes écartées et les remarques dans un fichier CSV.")


@click.command("import")
@click.argument("paths", nargs=-1, type=_path)
@click.option("--dry-run", is_flag=True, help="Examiner seulement : rien n'est modifié.")
@rejects_option
def import_delivery(paths: tuple[Path, ...], dry_run: bool, rejects: Path | None) -> None:
    """Importer une livraison de l'ASP : un dossier, une archive, ou les deux fichiers."""
    files = find_files(paths)
    if rejects:
        check_writable(rejects)
    with services() as ask:
        run = _open(ask, files, dry_run)
        say(f"Import {run['run_id']}")
        with _telling_that_it_goes_on(run["run_id"]):
            run = _follow(ask, run)
            report(ask, run, rejects)
    _end(run)


@click.command("import-state")
@click.argument("run_id", required=False, metavar="RUN_ID")
@rejects_option
def show_import(run_id: str | None, rejects: Path | None) -> None:
    """Montrer où en est un import : son état, ses comptes, ce qu'il change."""
    if rejects:
        check_writable(rejects)
    known_id = _run_id(run_id or "")
    with services() as ask:
        run = ask.ask_patiently(sync.get_run, run_id=known_id)
        say(f"Import {run['run_id']} : {state_label(run)}")
        report(ask, run, rejects)
    _end(run)


def _run_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return fail(f"« {text} » n'est pas un identifiant d'import : il est affiché quand l'import commence.", status=WRONG_USE)


def _open(ask: Services, files: list[Path], is_dry: bool) -> dict[str, Any]:
    """An open run of these files; nothing of them stays behind where it cannot be opened."""
    try:
        with stored(files) as told:
            return ask.ask_patiently(sync.open_run, key=uuid4().hex, files=told, is_dry=is_dry)
    except KeyboardInterrupt:
        return fail("Interrompu avant que l'import soit ouvert : les fichiers déposés sont retirés.", status=INTERRUPTED)


@contextmanager
def _telling_that_it_goes_on(run_id: UUID) -> Iterator[None]:
    """Whatever ends this command, the operator learns that the import does not end with it."""
    goes_on = f"L'import continue sans cette commande ; pour savoir où il en est : ./emplois import-state {run_id}"
    try:
        yield
    except KeyboardInterrupt:
        fail(goes_on, status=INTERRUPTED)
    except Unavailable as outage:
        fail(outage.detail, goes_on)
    except CallFailed as failure:
        fail(f"Le service a échoué ; ses journaux en disent plus sous l'identifiant {failure.request_id}.", goes_on)


def _follow(ask: Services, run: dict[str, Any]) -> dict[str, Any]:
    """Show a run's progress until it ends: a bar on a terminal, elsewhere a line for each state."""
    said = ""
    with Progress(console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(state_label(run), total=len(STEPS) + 1)
        while run["state"] not in ENDS[run["is_dry"]]:
            time.sleep(POLL_SECONDS)
            run = ask.ask_patiently(sync.get_run, run_id=run["run_id"])
            progress.update(bar, description=_description(run), completed=_advance(run))
            if not console.is_terminal and state_label(run) != said:
                said = state_label(run)
                say(said)
    return run


def _description(run: dict[str, Any]) -> str:
    lots = f" ({run['sent_batch_count']}/{run['batch_count']} lots)" if run["state"] == RunState.STAGED else ""
    return state_label(run) + lots


def _advance(run: dict[str, Any]) -> float:
    if run["state"] not in STEPS or run["state"] in ENDS[run["is_dry"]]:
        return len(STEPS) + 1
    sent = run["sent_batch_count"] / run["batch_count"] if run["state"] == RunState.STAGED and run["batch_count"] else 0
    return STEPS.index(run["state"]) + 1 + sent


def _end(run: dict[str, Any]) -> None:
    if run["state"] == RunState.REFUSED:
        fail(run["refusal"] or "La livraison est refusée.")
