"""Accounts of the support team."""

import os

import click

from contracts import accounts
from operations.commands.asking import console, fail, services
from operations.statuses import THERE_ALREADY


@click.command("create-staff")
@click.option("--email", required=True, help="Adresse e-mail du compte.")
@click.option("--first-name", default="Équipe", show_default=True, help="Prénom.")
@click.option("--last-name", default="Support", show_default=True, help="Nom.")
def create_staff(email: str, first_name: str, last_name: str) -> None:
    """Créer un compte du support. Le mot de passe est demandé, ou lu dans STAFF_PASSWORD."""
    password = os.environ.get("STAFF_PASSWORD") or click.prompt("Mot de passe", hide_input=True, confirmation_prompt=True)
    with services() as ask:
        try:
            ask.ask(accounts.create_staff, email=email, first_name=first_name, last_name=last_name, password=password)
        except accounts.AddressHasAnAccount:
            # Its own sentence speaks to somebody who was invited.
            fail(f"Un compte existe déjà avec l'adresse {email} ; il n'est pas modifié.", status=THERE_ALREADY)
    console.print(f"Compte créé : {email}")
