"""Refusals cross the bus whole, and each says in French, in a sentence, what a person can do about it."""

import ast
import json
import re
from inspect import cleandoc

import pytest

from contracts import catalogue, organizations
from contracts.errors import KINDS, Conflict, Refusal
from contracts.vocabulary import SERVICES
from tests.architecture.tree import ROOT, Source, Tree
from tests.contracts.binding import contract_modules, every_method, service_classes

FACTS = {"retry_after": 30, "errors": [{"pointer": "/email", "detail": "Ce champ est obligatoire."}]}
FRENCH = re.compile(
    r"\b(?:au|aucun|aucune|avec|ce|ces|cet|cette|de|demande|des|du|est|existe|la|le|les|ne|pas|que|sont|un|une|votre|vos|vous)\b"
    r"|\b[cdjlmnqst]['’]",
    re.IGNORECASE,
)
ENGLISH = re.compile(r"\b(?:the|is|are|was|must|this|that|not|with|and|of|has|already|cannot)\b", re.IGNORECASE)


def declared():
    """Every refusal that some method may answer."""
    return sorted({refusal for method in every_method() for refusal in method.refuses}, key=lambda one: one.__name__)


def faults(refusal):
    """What is wrong with one refusal's name, kind, crossing or words."""
    return [*crossing_faults(refusal), *wording_faults(refusal)]


def crossing_faults(refusal):
    if KINDS.get(refusal.kind) not in refusal.__mro__:
        yield f"{refusal.__name__} is of no kind"
    sent = refusal(**FACTS)
    received = Refusal.from_wire(json.loads(json.dumps(sent.to_wire())))
    if (type(received), received.detail, received.facts) != (refusal, sent.detail, FACTS):
        yield f"{refusal.__name__} arrives as {received!r}"


def wording_faults(refusal):
    detail = cleandoc(vars(refusal).get("__doc__") or "")
    if not detail.endswith("."):
        yield f"{refusal.__name__} does not end its sentence"
    if not FRENCH.search(detail) or ENGLISH.search(detail):
        yield f"{refusal.__name__} is not told in French"
    if "\n" in detail:
        yield f"{refusal.__name__} takes more than a line"


def private(names):
    """Refusals that a service declares for itself: no caller could rebuild them by name."""
    return sorted(name for name, refusal in names.items() if refusal.__module__.startswith("services."))


def idle():
    """Refusals of the contracts that no method declares."""
    bases = set(KINDS.values())
    here = {
        value
        for module in contract_modules()
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Refusal) and value not in bases
    }
    return sorted(refusal.__name__ for refusal in here - set(declared()))


def undeclared(service, sources):
    """Named refusals that a service raises and none of its methods declares."""
    known = {refusal.__name__ for method in every_method() if method.service == service for refusal in method.refuses}
    kinds = {kind.__name__ for kind in KINDS.values()}  # A bare kind also tells a handler's chassis to try again.
    raised = {}
    for source in sources:
        for node in source.nodes:
            name = raised_name(node)
            if name in Refusal.named and name not in known | kinds:
                raised.setdefault(name, source.at(node))
    return [f"{place} raises {name}, which no method of {service} declares" for name, place in sorted(raised.items())]


def raised_name(node):
    error = node.exc.func if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) else getattr(node, "exc", None)
    return getattr(error, "attr", getattr(error, "id", "")) if isinstance(node, ast.Raise) else ""


def unspoken(method, sources):
    """Named refusals that a method declares, though nothing in its service nor what it calls speaks of them."""
    borrowed = {refusal for target in method.calls for refusal in catalogue.methods()[target].refuses}
    shared = {refusal for refusal in method.refuses if refusal.__module__ == "contracts.parked"}  # The chassis's desk.
    named = {*method.refuses} - borrowed - shared - set(KINDS.values())
    text = "\n".join(source.text for source in sources)
    return [f"{method.name} never refuses with {one.__name__}" for one in named if one.__name__ not in text]


def known():
    """Every refusal of the contracts and of the chassis."""
    ours = [one for one in Refusal.named.values() if one.__module__.startswith(("contracts.", "chassis."))]
    return sorted({*declared(), *KINDS.values(), *ours}, key=lambda one: one.__name__)


@pytest.mark.parametrize("refusal", known())
def test_a_refusal_crosses_whole_and_speaks(refusal):
    assert faults(refusal) == []


def test_the_kinds_are_eight():
    assert sorted(KINDS) == [
        "conflict", "forbidden", "gone", "invalid", "not_found", "too_many", "unauthenticated", "unavailable",
    ]  # fmt: skip


def test_every_refusal_of_the_contracts_is_some_methods():
    assert idle() == []


def test_every_refusal_is_declared_in_the_contracts():
    assert service_classes()
    assert private(Refusal.named) == []


@pytest.mark.parametrize("service", SERVICES)
def test_services_raise_what_they_declare(service):
    sources = Tree(ROOT / "services" / service).python()
    assert undeclared(service, sources) == []
    assert [line for method in catalogue.methods_of(service) for line in unspoken(method, sources)] == []


def test_an_unknown_name_arrives_as_its_kind():
    received = Refusal.from_wire({"kind": "conflict", "name": "FromANewerRelease", "detail": "Déjà fait.", "facts": {"count": 2}})
    assert (type(received), received.detail, received.facts) == (Conflict, "Déjà fait.", {"count": 2})


def test_a_planted_undeclared_refusal_is_found():
    text = "from contracts.errors import Forbidden\nraise Forbidden()\nraise contracts.accounts.ClaimIsNotValid('no')\n"
    assert undeclared("sync", [Source("domain.py", text)]) == [
        "domain.py:3 raises ClaimIsNotValid, which no method of sync declares"
    ]


def test_a_planted_idle_promise_is_found():
    sources = [Source("actions.py", "raise DeliveryNotFound()")]
    assert unspoken(organizations.apply_delivery, sources) == ["organizations.apply_delivery never refuses with PlanHasChanged"]


class TestAPlantedRefusal:
    """Planted ones leave the register again: other tests read it."""

    @pytest.fixture(autouse=True)
    def _register(self, monkeypatch):
        monkeypatch.setattr(Refusal, "named", dict(Refusal.named))

    def test_is_found_mute(self):
        class SaysNothing(Conflict):
            pass

        assert faults(SaysNothing) == ["SaysNothing does not end its sentence", "SaysNothing is not told in French"]

    def test_is_found_english(self):
        class SpeaksEnglish(Conflict):
            """The structure has members already."""

        assert faults(SpeaksEnglish) == ["SpeaksEnglish is not told in French"]

    def test_is_found_to_lose_its_facts(self):
        class KeepsNothing(Conflict):
            """Cette demande est perdue."""

            def __init__(self, detail=None, **facts):
                super().__init__(detail)

        assert len(faults(KeepsNothing)) == 1

    def test_is_found_private(self):
        class KnownToOneService(Conflict):
            """Cette demande est perdue."""

            __module__ = "services.sync.domain"

        assert private(Refusal.named) == [KnownToOneService.__name__]

    def test_is_found_without_a_kind(self):
        class OfNoKind(Refusal):
            """Cette demande est perdue."""

        assert faults(OfNoKind) == ["OfNoKind is of no kind"]
