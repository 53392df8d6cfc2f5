"""What happens to a world between two deliveries: an ordinary week, or the turn of the year."""

from dataclasses import replace
from datetime import date, timedelta

from services.sync.findings import Reason
from services.sync.generator.world import Fate, Outcome, Structure, World


def pass_a_week(world: World, *, with_traps: bool) -> None:
    """Seven days later: bodies appear, move, lapse, are renewed, change number; one vanishes; with traps, one breaks a rule."""
    few = max(1, len(world.structures) // 100)
    lapsed = _lapsed(world)[:few]
    world.today += timedelta(days=7)

    _vanish(world, max(1, few // 2))
    for structure in _take(world, few):
        structure.siret = world.identities.siret(structure.siret[:9])
    for structure in _take(world, few):
        structure.auth_email = structure.expected_email = f"direction@{structure.auth_email.partition('@')[2]}"
    for structure in _take(world, few):
        for annex in world.active_annexes_of(structure):
            annex.state = "ANNULE"
    for structure in _take(world, 3 * few):
        _amend(world, structure)
    for structure in lapsed:
        world.add_annex(structure, structure.kinds[0], starts_on=world.today, ends_on=date(world.today.year, 12, 31))
    for structure in _take(world, 1):
        _change_asp_id(world, structure)
    if with_traps:
        _break_rules(world)
    for _ in range(few + 1):
        world.add_structure()


def turn_the_year(world: World, *, with_bridges: bool) -> None:
    """5 January: annexes of the old year are over; or a week later, when provisional ones bridge the gap."""
    conventioned = [
        (structure, kind) for structure in world.structures for kind in structure.kinds
        if any(annex.kind == kind for annex in world.active_annexes_of(structure))
    ]  # fmt: skip
    world.today = date(world.today.year + 1, 1, 12 if with_bridges else 5)
    _settle_shared_numbers(world)
    if with_bridges:
        starts_on, ends_on = date(world.today.year, 1, 1), date(world.today.year, 12, 31)
        for structure, kind in conventioned:
            world.add_annex(structure, kind, starts_on=starts_on, ends_on=ends_on, state="PROVISOIRE")


def _settle_shared_numbers(world: World) -> None:
    """A number that two bodies bore while it was active is given back to the first."""
    shared = [annex for annex in world.annexes if annex.fate.reason == Reason.NUMBER_NOT_UNIQUE]
    for annex in sorted(shared, key=lambda annex: annex.amendment_id)[1:]:
        world.annexes.remove(annex)
    for annex in shared:
        annex.fate = Fate()


def _take(world: World, count: int) -> list[Structure]:
    """Bodies that nothing else happens to."""
    taken, world.untouched = world.untouched[:count], world.untouched[count:]
    return taken


def _lapsed(world: World) -> list[Structure]:
    alive = {annex.asp_id for annex in world.annexes if annex.is_active(world.today)}
    return [structure for structure in world.structures if structure.asp_id not in alive and not structure.fate.trap]


def _vanish(world: World, count: int) -> None:
    gone = {structure.asp_id for structure in _take(world, count)}
    world.structures = [structure for structure in world.structures if structure.asp_id not in gone]
    world.annexes = [annex for annex in world.annexes if annex.asp_id not in gone]


def _amend(world: World, structure: Structure) -> None:
    """A modification: the amendment in force becomes history."""
    annex = max(world.active_annexes_of(structure), key=lambda annex: annex.amendment, default=None)
    if annex is None:
        return  # Its annexes ended within the week.
    amended = replace(annex, amendment=annex.amendment + 2, amendment_id=world.next_id("amendment"), fate=Fate())
    annex.state = "HISTORISE"
    world.annexes.append(amended)


def _change_asp_id(world: World, structure: Structure) -> None:
    """The ASP numbers the body anew: same SIRET, same kind."""
    former, structure.asp_id = structure.asp_id, world.next_id("asp")
    for annex in world.annexes:
        if annex.asp_id == former:
            annex.asp_id = structure.asp_id


def _break_rules(world: World) -> None:
    """A body changes company; another takes the SIRET of a third, of its kind and company, where the world holds such a pair."""
    for structure in _take(world, 1):
        structure.siret = world.identities.siret(world.identities.siren())
        structure.fate = Fate("siren_changed_since", Outcome.REJECTED, Reason.SIREN_CHANGED)
    by_company: dict[tuple[str, tuple[str, ...]], Structure] = {}
    for structure in world.untouched:
        other = by_company.setdefault((structure.siret[:9], structure.kinds), structure)
        if other is not structure:
            structure.siret = other.siret
            structure.fate = Fate("siret_already_taken")
            world.untouched = [one for one in world.untouched if one not in (structure, other)]
            return
