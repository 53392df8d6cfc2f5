"""Mails, as notifications keeps them: without addresses and without links."""

import click

from contracts import notifications
from contracts.vocabulary import MailState
from operations.commands.asking import moment, say, services

STATES = {
    MailState.QUEUED: "en attente",
    MailState.SENDING: "en cours d'envoi",
    MailState.SENT: "envoyé",
    MailState.FAILED: "échec",
    MailState.CANCELLED: "annulé",
}


@click.command("mails")
@click.option("--state", type=click.Choice([state.value for state in MailState]), help="Seulement ceux de cet état.")
def list_mails(state: str | None) -> None:
    """Lister les mails récents et leur état."""
    with services() as ask:
        found = ask.ask(notifications.list_mails, state=MailState(state) if state else None)["items"]
    for mail in found:
        attempts = f"{mail['attempt_count']} essai(s) depuis le {moment(mail['queued_at'])}"
        say(f"{mail['mail_id']}  {mail['template']}  {STATES[mail['state']]}, {attempts}  {mail['reason'] or ''}".rstrip())
    if not found:
        say("Aucun mail.")
