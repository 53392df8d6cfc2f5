"""The commands, each in the module of its subject."""

import click

from operations.commands import delivery, health, mails, parked, reference, staff
from services.sync.generator.__main__ import write_delivery


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def emplois() -> None:
    """Commandes des opérateurs des emplois de l'inclusion."""


for command in (
    delivery.import_delivery,
    delivery.show_import,
    write_delivery,
    reference.load_reference,
    staff.create_staff,
    parked.parked,
    mails.list_mails,
    health.health,
):
    emplois.add_command(command)

if __name__ == "__main__":
    emplois(prog_name="emplois")
