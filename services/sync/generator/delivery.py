"""A whole fictitious delivery: the files, and the manifest of what they should give."""

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from services.sync.asp import View
from services.sync.generator.evolution import pass_a_week, turn_the_year
from services.sync.generator.files import Envelope, render, wrap
from services.sync.generator.manifest import describe, list_changes
from services.sync.generator.records import annex_record, structure_record
from services.sync.generator.traps import plant_traps
from services.sync.generator.world import Annex, World, build_world

EXTRACTED_AT = time(8, 15)


class Chapter(StrEnum):
    """Which delivery of a world: the first, or one that comes after it."""

    FIRST = "first"
    NEXT = "next"  # A week later, some of everything.
    JANUARY = "january"  # No annex covers the new year yet: the guard against mass deactivation must hold it.
    BRIDGES = "bridges"  # January again, with provisional annexes.


@dataclass(frozen=True)
class GeneratedDelivery:
    """Files by name, and what is expected of them, `changes` counted from the first delivery."""

    files: dict[str, bytes]
    manifest: dict[str, Any]


def generate(
    *,
    structures: int,
    seed: int,
    today: date,
    traps: bool = True,
    chapter: Chapter = Chapter.FIRST,
    envelope: Envelope = Envelope.GZIP,
) -> GeneratedDelivery:
    """The same arguments give the same bytes; `today` is the date of the first delivery of the world."""
    world = build_world(seed=seed, structures=structures, today=today)
    if traps:
        plant_traps(world)
    first = _describe(world)
    if chapter is not Chapter.FIRST:
        _move_on(world, chapter, with_traps=traps)

    manifest = _describe(world)
    changes = [] if chapter is Chapter.FIRST else list_changes(first, manifest)
    manifest |= {"seed": seed, "chapter": chapter, "changes": changes}
    extracted_at = datetime.combine(world.today, EXTRACTED_AT)
    texts = {
        View.STRUCTURE: map(structure_record, world.structures),
        View.ANNEX: map(annex_record, _in_order(world)),
    }
    rendered = {view: render(view, records, extracted_at=extracted_at, envelope=envelope) for view, records in texts.items()}
    files = wrap(rendered, extracted_at=extracted_at, envelope=envelope)
    return GeneratedDelivery(files, manifest | {"files": sorted(files)})


def _move_on(world: World, chapter: Chapter, *, with_traps: bool) -> None:
    if chapter is Chapter.NEXT:
        pass_a_week(world, with_traps=with_traps)
    else:
        turn_the_year(world, with_bridges=chapter is Chapter.BRIDGES)


def _describe(world: World) -> dict[str, Any]:
    return {"date": world.today.isoformat(), **describe(world, annexes=_in_order(world))}


def _in_order(world: World) -> list[Annex]:
    return sorted(world.annexes, key=lambda annex: (annex.asp_id, annex.annex_id, annex.amendment_id))
