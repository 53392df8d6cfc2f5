"""`python -m services.sync.generator --structures 300 --seed 1 --date 2026-11-20 DIRECTORY`"""

import json
import sys
from datetime import datetime
from pathlib import Path

import click

from services.sync.asp import PARIS
from services.sync.generator.delivery import Chapter, generate
from services.sync.generator.files import Envelope


@click.command("generate-delivery")
@click.argument("out", required=False, metavar="DIRECTORY", type=click.Path(path_type=Path))
@click.option("--structures", default=300, show_default=True, type=click.IntRange(1, 50_000), help="Nombre de structures.")
@click.option("--seed", default=1, show_default=True, help="Graine : la même donne les mêmes octets.")
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="Date de la première livraison [défaut : aujourd'hui].")
@click.option("--traps/--no-traps", default=True, show_default=True, help="Planter les anomalies des vrais fichiers.")
@click.option("--next", "is_next", is_flag=True, help="La livraison de la semaine suivante (manifest-next.json).")
@click.option(
    "--january",
    type=click.Choice(["lapsed", "bridges"]),
    help="La livraison de janvier : le 5 sans annexe, le 12 avec provisoires.",
)
@click.option(
    "--envelope",
    type=click.Choice([envelope.value for envelope in Envelope]),
    default="gzip",
    show_default=True,
    help="Enveloppe, ou dégât.",
)
def write_delivery(
    out: Path | None,
    structures: int,
    seed: int,
    day: datetime | None,
    traps: bool,
    is_next: bool,
    january: str | None,
    envelope: str,
) -> None:
    """Fabriquer une livraison fictive de l'ASP dans DIRECTORY, avec le manifeste de ce qu'elle doit donner."""
    if out is None:
        return _misused("Indiquez le dossier où écrire la livraison.")
    if out.exists() and not out.is_dir():
        return _misused(f"{out} : c'est un fichier, un dossier est attendu.")
    if is_next and january:
        return _misused("--next et --january s'excluent.")
    after = {"lapsed": Chapter.JANUARY, "bridges": Chapter.BRIDGES, None: Chapter.NEXT if is_next else Chapter.FIRST}
    chapter = after[january]
    delivery = generate(
        structures=structures, seed=seed, today=day.date() if day else datetime.now(PARIS).date(), traps=traps,
        chapter=chapter, envelope=Envelope(envelope),
    )  # fmt: skip

    manifest = "manifest.json" if chapter is Chapter.FIRST else f"manifest-{chapter}.json"
    told = json.dumps(delivery.manifest, ensure_ascii=False, indent=1) + "\n"
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in {**delivery.files, manifest: told.encode()}.items():
            (out / name).write_bytes(content)
            click.echo(out / name)
    except OSError as error:
        raise click.ClickException(f"{out} : impossible d'y écrire ({error.strerror}).") from None


def _misused(message: str) -> None:
    """One sentence in French, where click's own usage errors speak English."""
    click.echo(message, err=True)
    sys.exit(2)


if __name__ == "__main__":
    write_delivery(prog_name="python -m services.sync.generator")
