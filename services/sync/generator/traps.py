"""Traps seen in real deliveries, planted in a world: each says in the records' fate what a careful reader makes of it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from services.sync.findings import Reason
from services.sync.generator.world import MEASURE, Annex, Fate, Outcome, Structure, World
from services.sync.rows import Dropped

Plant = Callable[[World, Structure], None]


def plant_traps(world: World) -> None:
    """Each trap once, in bodies of their own; then what is common in real files: nine-digit phones, other measures."""
    plants = PLANTS + (PLANTS_IN_LARGE_FILES if len(world.structures) >= 500 else ())
    hosts, world.untouched = world.untouched[: len(plants)], world.untouched[len(plants) :]
    for plant, structure in zip(plants, hosts, strict=False):  # A tiny world has room for the first ones only.
        plant(world, structure)
    _lose_leading_zeros(world)
    _add_development_fund_rows(world)


def _host(world: World, structure: Structure) -> Annex:
    return world.active_annexes_of(structure)[0]  # Hosts are chosen among the bodies that have one.


def _another(world: World, structure: Structure) -> Structure | None:
    """A body of the same kind that no trap has touched, None in a tiny world."""
    other = next((other for other in world.untouched if other.kinds == structure.kinds), None)
    if other:
        world.untouched.remove(other)
    return other


def _extra(world: World, annex: Annex, trap: str, outcome: Outcome, reason: str = "", **changes: object) -> Annex:
    """A further record, like this one but for the changes."""
    fate = Fate(trap, outcome, reason)
    extra = replace(annex, amendment_id=world.next_id("amendment"), overrides={}, fate=fate, **changes)  # type: ignore[arg-type]
    world.annexes.append(extra)
    return extra


def _bad(trap: str, reason: Reason, overrides: dict[int, str]) -> Plant:
    """A further record with raw values, by column number, that set it aside."""

    def plant(world: World, structure: Structure) -> None:
        extra = _extra(world, _host(world, structure), trap, Outcome.REJECTED, reason, amendment=9)
        extra.overrides = overrides

    return plant


def _identical_line(world: World, structure: Structure) -> None:
    annex = _host(world, structure)
    _extra(world, annex, "identical_line", Outcome.PASSED_OVER).amendment_id = annex.amendment_id


def _same_number_other_state(world: World, structure: Structure) -> None:
    _extra(world, _host(world, structure), "same_number_other_state", Outcome.PASSED_OVER, state="HISTORISE")


def _same_number_two_bodies(world: World, structure: Structure) -> None:
    if other := _another(world, structure):
        annex = _host(world, structure)
        _extra(world, annex, "same_number_two_bodies", Outcome.PASSED_OVER, state="HISTORISE", asp_id=other.asp_id)


def _active_number_two_bodies(world: World, structure: Structure) -> None:
    if other := _another(world, structure):
        annex = _host(world, structure)
        trap, reason = "active_number_two_bodies", Reason.NUMBER_NOT_UNIQUE
        _extra(world, annex, trap, Outcome.REJECTED, reason, asp_id=other.asp_id)
        annex.fate = Fate(trap, Outcome.REJECTED, reason)


def _prison(world: World, structure: Structure) -> None:
    _extra(world, _host(world, structure), "prison", Outcome.DROPPED, Dropped.PRISON, law="MP", amendment=9)


def _annex_without_structure(world: World, structure: Structure) -> None:
    _extra(world, _host(world, structure), "annex_without_structure", Outcome.IGNORED, asp_id=99_999, amendment=9)


def _structure_without_annex(world: World, _: Structure) -> None:
    world.add_structure(with_annexes=False).fate = Fate("structure_without_annex", Outcome.IGNORED)


def _only_annex(trap: str, starts_in: int, ends_in: int | None) -> Plant:
    """Leaves the body one annex, whose dates are counted in days from the delivery's date."""

    def plant(world: World, structure: Structure) -> None:
        world.annexes = [annex for annex in world.annexes if annex.asp_id != structure.asp_id]
        starts_on = world.today + timedelta(days=starts_in)
        ends_on = date(starts_on.year, 12, 31) if ends_in is None else world.today + timedelta(days=ends_in)
        annex = world.add_annex(structure, structure.kinds[0], starts_on=starts_on, ends_on=ends_on)
        annex.fate = Fate(trap)

    return plant


def _development_fund(world: World, annex: Annex, trap: str, description: str, outcome: Outcome, reason: str) -> Annex:
    prefix = "FDI" + annex.prefix.removeprefix(annex.kind)
    return _extra(
        world, annex, trap, outcome, reason, kind="FDI", prefix=prefix, renewal=0, amendment=0,
        convention="", state="VALIDE", description=description,
    )  # fmt: skip


def _lone_quote(world: World, structure: Structure) -> None:
    text = "\"Réorganisation de l'atelier, été comme hiver : une clôture"
    _development_fund(world, _host(world, structure), "lone_quote", text, Outcome.DROPPED, Dropped.OTHER_MEASURE)


def _separator_in_text(world: World, structure: Structure) -> None:
    annex = _host(world, structure)
    _development_fund(world, annex, "separator_in_text", "outils | machines", Outcome.DROPPED, Dropped.OTHER_MEASURE)


def _email(trap: str, change: Callable[[str], str], *, is_usable: bool) -> Plant:
    def plant(_: World, structure: Structure) -> None:
        structure.auth_email = change(structure.auth_email)
        structure.expected_email = structure.auth_email if is_usable else None
        structure.fate = Fate(trap, reason=Reason.AUTH_EMAIL if structure.auth_email and not is_usable else "")

    return plant


def _siret_moved(world: World, structure: Structure) -> None:
    structure.siret = world.identities.siret(structure.siret[:9])
    structure.fate = Fate("siret_moved")


def _siren_changed(world: World, structure: Structure) -> None:
    structure.siret = world.identities.siret(world.identities.siren())
    structure.fate = Fate("siren_changed", Outcome.REJECTED, Reason.SIREN_CHANGED)


def _wrong_check_digit(_: World, structure: Structure) -> None:
    wrong = structure.siret[:-1] + str((int(structure.siret[-1]) + 1) % 10)
    structure.siret = structure.siret_signature = wrong
    structure.fate = Fate("wrong_check_digit", reason=Reason.CHECK_DIGIT)


def _numeric_name(_: World, structure: Structure) -> None:
    structure.name = "2 000"
    structure.fate = Fate("numeric_name", Outcome.REJECTED, Reason.NAME)


def _repeated_asp_id(world: World, structure: Structure) -> None:
    structure.fate = Fate("repeated_asp_id", Outcome.REJECTED, Reason.REPEATED_ASP_ID)
    world.structures.append(replace(structure, siret=world.identities.siret(structure.siret[:9]), fate=replace(structure.fate)))


def _lose_leading_zeros(world: World) -> None:
    for structure in world.structures:
        if world.rng.random() < 0.7:
            structure.phone = structure.phone.removeprefix("0")


def _add_development_fund_rows(world: World) -> None:
    """Other measures are 17 % of the real file's records."""
    for annex in world.rng.sample(world.annexes, len(world.annexes) // 5):
        if not annex.fate.trap:
            _development_fund(world, annex, "", "Aide au démarrage", Outcome.DROPPED, Dropped.OTHER_MEASURE)


PLANTS: tuple[Plant, ...] = (
    _identical_line,
    _same_number_other_state,
    _same_number_two_bodies,
    _only_annex("starts_in_the_future", 20, None),
    _only_annex("ends_today", -200, 0),
    _only_annex("ended_yesterday", -200, -1),
    _prison,
    _lone_quote,
    _email("empty_email", lambda _: "", is_usable=False),
    _email("capitals_in_email", str.title, is_usable=True),
    _email("space_in_email", lambda address: address.replace("@", " @"), is_usable=False),
    _siret_moved,
    _wrong_check_digit,
    _annex_without_structure,
    _structure_without_annex,
    _siren_changed,
    _active_number_two_bodies,
    _separator_in_text,
    _bad("rank_of_ten", Reason.NUMBER, {7: "10"}),
    _bad("unknown_state", Reason.STATE, {12: "SUSPENDU"}),
    _bad("impossible_date", Reason.DATE, {36: "31/02/2026"}),
    _bad("month_first", Reason.DATE, {36: "12/31/2026"}),
    _bad("ends_before_it_starts", Reason.DATES_REVERSED, {36: "01/01/2001"}),
    _bad("empty_cell", Reason.MISSING_VALUE, {12: ""}),
    _bad("empty_measure", Reason.MISSING_VALUE, {MEASURE: ""}),
    _bad("separator_in_our_text", Reason.FIELD_COUNT, {72: "DAC | CAF"}),
)
PLANTS_IN_LARGE_FILES: tuple[Plant, ...] = (
    _numeric_name,
    _repeated_asp_id,
)  # More than 1 % of bad records would refuse a small one.
