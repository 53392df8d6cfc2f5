"""Fictitious identities: names of bodies and people, official numbers with their check digits, `example` addresses."""

import random

from stdnum import luhn

_FORMS = {"ACI": ("ASSOCIATION", "CHANTIER", "ATELIER"), "AI": ("ASSOCIATION", "AI"), "EI": ("SARL", "SAS", "ENTREPRISE")}
_SUBJECTS = (
    "LES JARDINS,LES ATELIERS,LES CHANTIERS,LES VERGERS,LA RECYCLERIE,LA RESSOURCERIE,LA MENUISERIE,LA BLANCHISSERIE,"
    "LE POTAGER,LE RELAIS,LA PASSERELLE,LES BATISSEURS,LES CUISINES,LA FERME,LES COMPAGNONS,LES PAYSAGES,LA FABRIQUE,"
    "LE GARAGE,LA CONSERVERIE,LES SERVICES,LES CYCLES,LA LAINERIE,LES PALETTES,LE TREMPLIN,LA MAISON,LES MAINS"
)
_PLACES = (
    "DU PONT,DU MOULIN,DES TILLEULS,DE LA RIVIERE,DU CANAL,DES COLLINES,DE LA GARE,DU LAVOIR,DES ERABLES,DU VIEUX PORT,"
    "DE LA FONTAINE,DU MARAIS,DES PEUPLIERS,DE LA VALLEE,DU VERGER,DES TROIS CHENES,DU COTEAU,DE LA PRAIRIE,DU BOCAGE,"
    "DES SOURCES,DE LA CLAIRIERE,DU BELVEDERE,DES GENETS,DE LA LANTERNE,DU CARREFOUR,DES HIRONDELLES,DU PHARE,DE LA TUILERIE"
)
_STREETS = "DES LILAS,VICTOR HUGO,DE LA GARE,DU MOULIN,JEAN JAURES,DES ECOLES,DE VERDUN,PASTEUR,DU STADE,DES ARTISANS"
_STREET_TYPES = ("RUE", "AV", "BD", "CHE", "PL", "IMP", "ALL", "RTE", "ZA")
_FAMILY_NAMES = ("TILLEUL", "BRUYERE", "CHARME", "NOISETIER", "AUBEPINE", "SORBIER", "GENEVRIER", "MERISIER")
_FIRST_NAMES = ("CAMILLE", "DOMINIQUE", "CLAUDE", "SASHA", "MAXIME", "CHARLIE", "LOU", "ANDREA")
_FICTION_PHONES = ("19900", "26191", "35301", "46571", "53649")  # Ranges that the regulator keeps for works of fiction.


class Identities:
    """Hands out identities, never the same number or domain twice."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._given: set[str] = set()

    def siren(self) -> str:
        """A SIREN with its check digit; the register attributes none that starts with zero."""
        while True:
            digits = f"0{self._rng.randrange(1, 10_000_000):07}"
            siren = digits + luhn.calc_check_digit(digits)
            if siren not in self._given:
                self._given.add(siren)
                return siren

    def siret(self, siren: str) -> str:
        """An establishment of a company, with its check digit."""
        while True:
            digits = f"{siren}{self._rng.randrange(1, 60):04}"
            siret = digits + luhn.calc_check_digit(digits)
            if siret not in self._given:
                self._given.add(siret)
                return siret

    def name(self, kind: str) -> tuple[str, str]:
        """A body's name and its own domain."""
        subject, place = self._rng.choice(_SUBJECTS.split(",")), self._rng.choice(_PLACES.split(","))
        slug = "-".join(f"{subject} {place}".lower().split()[1:])
        rank = 1
        while (domain := f"{slug}{'' if rank == 1 else f'-{rank}'}.example") in self._given:
            rank += 1
        self._given.add(domain)
        return f"{self._rng.choice(_FORMS.get(kind, ('ASSOCIATION', 'SAS')))} {subject} {place}", domain

    def phone(self) -> str:
        """A phone of ten digits that rings nowhere."""
        return f"0{self._rng.choice(_FICTION_PHONES)}{self._rng.randrange(10_000):04}"

    def street(self) -> tuple[str, str, str]:
        """A number, possibly none, a street's type and its name."""
        number = str(self._rng.randrange(1, 120)) if self._rng.random() < 0.9 else ""
        return number, self._rng.choice(_STREET_TYPES), self._rng.choice(_STREETS.split(","))

    def person(self) -> tuple[str, str]:
        """A family name and a first name, of nobody."""
        return self._rng.choice(_FAMILY_NAMES), self._rng.choice(_FIRST_NAMES)
