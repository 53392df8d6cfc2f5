"""The fictitious world that deliveries describe: bodies, and the yearly annexes of their conventions."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from services.sync.generator.identities import Identities
from services.sync.generator.towns import TOWNS, Town

MEASURE = 4  # Of the columns of an annex's record, the one that tells its kind.
KIND_SHARES = {"ACI": 490, "EI": 258, "AI": 170, "ETTI": 80, "EITI": 2}
_NAF = {
    "ACI": ("8899B", "8130Z"),
    "EI": ("3832Z", "4120A", "8121Z"),
    "AI": ("7830Z", "8899B"),
    "ETTI": ("7820Z",),
    "EITI": ("8299Z",),
}


class Outcome(StrEnum):
    """What a careful reader makes of a record."""

    KEPT = "kept"
    REJECTED = "rejected"
    DROPPED = "dropped"
    PASSED_OVER = "passed_over"  # Another record of the same number is preferred, or is identical.
    IGNORED = "ignored"  # Well formed, but nothing can be made of it.


@dataclass
class Fate:
    """What was planted in a record, and what must come of it."""

    trap: str = ""
    outcome: Outcome = Outcome.KEPT
    reason: str = ""


@dataclass
class Annex:
    """One amendment of an annex: one record of the file. `overrides` are raw values by column number, as written."""

    asp_id: int
    kind: str
    prefix: str
    renewal: int
    amendment: int
    annex_id: int
    amendment_id: int
    convention: str
    state: str
    starts_on: date
    ends_on: date
    law: str = "DC"
    description: str = ""
    overrides: dict[int, str] = field(default_factory=dict)
    fate: Fate = field(default_factory=Fate)

    def is_active(self, today: date) -> bool:
        """Whether it keeps a convention alive."""
        return self.state in ("VALIDE", "PROVISOIRE") and today <= self.ends_on


@dataclass
class Structure:
    """One body known to the ASP: one record of the file, and one structure of the platform for each kind of its annexes."""

    asp_id: int
    siret: str
    siret_signature: str
    name: str
    naf: str
    auth_email: str
    phone: str
    town: Town
    street: tuple[str, str, str]
    person: tuple[str, str]
    kinds: tuple[str, ...]
    expected_email: str | None
    fate: Fate = field(default_factory=Fate)


class World:
    """Everything that is true on `today`; the same seed makes the same world."""

    def __init__(self, *, seed: int, today: date) -> None:
        self.rng = random.Random(f"asp:{seed}")
        self.today = today
        self.identities = Identities(self.rng)
        self.structures: list[Structure] = []
        self.annexes: list[Annex] = []
        self.untouched: list[Structure] = []  # Conventioned bodies of one kind that no trap uses.
        self._serials: Counter[str] = Counter()
        self._ids = Counter(asp=100, annex=20_000, amendment=30_000)

    def next_id(self, of: str) -> int:
        """A number never given before, in the sequence of `asp`, `annex` or `amendment`."""
        self._ids[of] += self.rng.randrange(1, 4)
        return self._ids[of]

    def add_structure(self, *, with_annexes: bool = True) -> Structure:
        """A new body, with the annexes of some years."""
        kinds = tuple(self.rng.choices(list(KIND_SHARES), weights=list(KIND_SHARES.values()), k=1))
        if self.rng.random() < 0.05:
            kinds += (self.rng.choice([kind for kind in ("ACI", "EI", "AI") if kind != kinds[0]]),)
        shares_siren = self.structures and self.rng.random() < 0.08
        siren = self.structures[-1].siret[:9] if shares_siren else self.identities.siren()
        siret = self.identities.siret(siren)
        name, domain = self.identities.name(kinds[0])
        email = f"contact@{domain}"
        structure = Structure(
            asp_id=self.next_id("asp"), siret=siret, siret_signature=siret, name=name, naf=self.rng.choice(_NAF[kinds[0]]),
            auth_email=email, expected_email=email, phone=self.identities.phone(), town=self.rng.choice(TOWNS),
            street=self.identities.street(), person=self.identities.person(), kinds=kinds,
        )  # fmt: skip
        self.structures.append(structure)
        if with_annexes:
            for kind in kinds:
                self._add_years(structure, kind)
        return structure

    def add_annex(self, structure: Structure, kind: str, *, starts_on: date, ends_on: date, state: str = "VALIDE") -> Annex:
        """A first annex of a new convention."""
        prefix, convention = self._new_convention(structure.town, kind, starts_on.year)
        annex = Annex(
            structure.asp_id, kind, prefix, 0, 0, self.next_id("annex"), self.next_id("amendment"), convention, state,
            starts_on, ends_on,
        )  # fmt: skip
        self.annexes.append(annex)
        return annex

    def active_annexes_of(self, structure: Structure) -> list[Annex]:
        """Those that keep its convention alive."""
        return [
            annex for annex in self.annexes
            if annex.asp_id == structure.asp_id and annex.fate.outcome is Outcome.KEPT and annex.is_active(self.today)
        ]  # fmt: skip

    def _new_convention(self, town: Town, kind: str, year: int) -> tuple[str, str]:
        family = f"{kind}{town.department}{year % 100:02}"
        self._serials[family] += 1
        serial = self._serials[family]
        old_style = f"{town.department} 0101{year % 100:02} {kind} {serial:05}"
        return f"{family}{serial:04}", old_style if year < 2021 else f"{kind} {town.department} {year % 100:02} {serial:04}"

    def _add_years(self, structure: Structure, kind: str) -> None:
        """One to six years of annexes; conventions last three, and each year renews the annex once more."""
        is_october = self.rng.random() < 0.023
        last = self.today.year - (is_october and self.today.month < 10)
        if self.rng.random() < 0.04:
            last -= self.rng.randrange(1, 4)  # Not renewed: the convention lapsed.
        years = range(last - self.rng.randrange(6), last + 1)
        for rank, year in enumerate(years):
            if rank % 3 == 0:
                prefix, convention = self._new_convention(structure.town, kind, year)
            starts_on, ends_on = (
                (date(year, 10, 1), date(year + 1, 9, 30)) if is_october else (date(year, 1, 1), date(year, 12, 31))
            )
            first = Annex(
                structure.asp_id, kind, prefix, rank % 3, 0, self.next_id("annex"), 0, convention, "HISTORISE", starts_on, ends_on
            )
            self._add_amendments(first, is_last_year=year == last)

    def _add_amendments(self, first: Annex, *, is_last_year: bool) -> None:
        count = self.rng.choices((1, 2, 3, 4), weights=(55, 28, 12, 5))[0]
        if is_last_year:
            states = self.rng.choices(("VALIDE", "PROVISOIRE"), weights=(70, 30))
        else:
            states = self.rng.choices(("VALIDE", "HISTORISE", "CLOTURE"), weights=(85, 9, 6))
        states = ["HISTORISE"] * (count - 1) + states
        if self.rng.random() < 0.035:
            states += self.rng.choices(("SAISI", "BROUILLON", "REJETE", "ANNULE"), weights=(80, 7, 7, 6))
        for amendment, state in enumerate(states):
            self.annexes.append(
                Annex(
                    first.asp_id, first.kind, first.prefix, first.renewal, amendment, first.annex_id,
                    self.next_id("amendment"), first.convention, state, first.starts_on, first.ends_on,
                )
            )  # fmt: skip


def build_world(*, seed: int, structures: int, today: date) -> World:
    """A world of so many bodies, without any trap."""
    world = World(seed=seed, today=today)
    for _ in range(structures):
        world.add_structure()
    alive = {annex.asp_id for annex in world.annexes if annex.is_active(today)}
    world.untouched = [structure for structure in world.structures if len(structure.kinds) == 1 and structure.asp_id in alive]
    world.rng.shuffle(world.untouched)
    return world
