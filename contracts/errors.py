"""Refusals: what a service may answer instead of a result.

Eight kinds, closed; named subclasses, open. A subclass's docstring is the public detail, in French, because people read it.
A refusal crosses the bus as (kind, name, detail, facts) and is rebuilt by name; an unknown name is rebuilt as its kind.
"""

from typing import Any, ClassVar


class Refusal(Exception):
    """La demande est refusée."""

    kind: ClassVar[str] = ""
    named: ClassVar[dict[str, type["Refusal"]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        known = Refusal.named.setdefault(cls.__name__, cls)
        if known.__module__ != cls.__module__:
            raise TypeError(f"Two refusals are named {cls.__name__}: in {known.__module__} and {cls.__module__}.")

    def __init__(self, detail: str | None = None, **facts: Any) -> None:
        self.detail = detail or (self.__doc__ or "").strip()
        self.facts = facts
        super().__init__(self.detail)

    def to_wire(self) -> dict[str, Any]:
        """What crosses the bus: JSON values only."""
        return {"kind": self.kind, "name": type(self).__name__, "detail": self.detail, "facts": self.facts}

    @staticmethod
    def from_wire(body: dict[str, Any]) -> "Refusal":
        """The refusal as raised; of its kind only when this process does not know its name yet."""
        cls = Refusal.named.get(body["name"]) or KINDS[body["kind"]]
        return cls(body.get("detail"), **body.get("facts", {}))


class Invalid(Refusal):
    """Certaines informations sont à corriger."""

    kind = "invalid"

    @classmethod
    def at(cls, pointer: str, detail: str) -> "Invalid":
        """One field's refusal; `pointer` is a JSON pointer (RFC 6901) into the request."""
        return cls(errors=[{"pointer": pointer, "detail": detail}])


class Unauthenticated(Refusal):
    """Connectez-vous pour continuer."""

    kind = "unauthenticated"


class Forbidden(Refusal):
    """Vous n'avez pas le droit de faire cela."""

    kind = "forbidden"


class NotFound(Refusal):
    """Rien ne correspond à cette demande."""

    kind = "not_found"


class Conflict(Refusal):
    """La situation a changé ou ne permet pas cette action."""

    kind = "conflict"


class Gone(Refusal):
    """Ce lien n'est plus valable."""

    kind = "gone"


class TooMany(Refusal):
    """Trop de demandes ; réessayez plus tard."""

    kind = "too_many"


class Unavailable(Refusal):
    """Le service est momentanément indisponible ; réessayez dans quelques instants."""

    kind = "unavailable"


KINDS: dict[str, type[Refusal]] = {
    cls.kind: cls for cls in (Invalid, Unauthenticated, Forbidden, NotFound, Conflict, Gone, TooMany, Unavailable)
}


class KeyReusedForAnotherRequest(Invalid):
    """Cette clé d'idempotence a déjà servi pour une autre demande."""


class DeadlineHasPassed(Unavailable):
    """La demande a pris trop de temps ; elle n'a pas été exécutée."""
