"""Messages set aside, of all services or of one."""

from typing import Any
from uuid import UUID

import click

from contracts import catalogue
from contracts.errors import Unavailable
from contracts.vocabulary import SERVICES
from operations.commands.asking import Services, console, fail, moment, say, services
from operations.statuses import WRONG_USE

STATES = {"waiting": "attend", "alone": "attend d'être traité seul", "dead": "abandonné"}
service_argument = click.argument("service", type=click.Choice(SERVICES))


@click.group()
def parked() -> None:
    """Messages mis de côté : lister, rejouer, abandonner pour toujours."""


@parked.command("list")
@click.argument("service", type=click.Choice(SERVICES), required=False)
@click.option("--limit", default=100, show_default=True, help="Au plus tant de messages par service.")
def list_parked(service: str | None, limit: int) -> None:
    """Lister les messages mis de côté, les plus anciens d'abord."""
    if limit < 1:  # Checked here rather than by click, which speaks English.
        fail("--limit : un nombre à partir de 1 est attendu.", status=WRONG_USE)
    with services() as ask:
        found, silent = _found(ask, [service] if service else SERVICES, limit)
    _show(found)
    if silent:
        fail(f"Ne répondent pas, leurs messages ne sont donc pas montrés : {', '.join(silent)}.")
    if not found:
        say("Aucun message mis de côté.")


def _found(ask: Services, names: list[str] | tuple[str, ...], limit: int) -> tuple[list[dict[str, Any]], list[str]]:
    """The messages set aside of these services, and the services that did not answer."""
    found, silent = list[dict[str, Any]](), list[str]()
    for name in names:
        try:
            found += ask.ask(catalogue.methods()[f"{name}.list_parked"], limit=limit)["items"]
        except Unavailable:
            silent.append(name)
    return found, silent


def _show(found: list[dict[str, Any]]) -> None:
    for item in found:
        attempts = f"{item['attempt_count']} essai(s) depuis le {moment(item['first_seen_at'])}"
        say(f"{item['parked_id']}  {item['handler']}")
        say(f"    {STATES[item['state']]}, {attempts} : {item['reason']}")


@parked.command("replay")
@service_argument
@click.argument("parked_id", type=UUID, required=False)
def replay_parked(service: str, parked_id: UUID | None) -> None:
    """Rejouer un message maintenant, ou tous ceux qui sont abandonnés."""
    with services() as ask:
        answer = ask.ask(catalogue.methods()[f"{service}.replay_parked"], parked_id=parked_id)
    console.print(f"{answer['replayed_count']} message(s) rejoué(s).")


@parked.command("discard")
@service_argument
@click.argument("parked_id", type=UUID)
@click.confirmation_option(prompt="Ce message sera perdu. Continuer ?")
def discard_parked(service: str, parked_id: UUID) -> None:
    """Abandonner un message pour toujours."""
    with services() as ask:
        ask.ask(catalogue.methods()[f"{service}.discard_parked"], parked_id=parked_id)
    console.print("Message abandonné.")
