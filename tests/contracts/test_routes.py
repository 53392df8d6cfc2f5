"""Every route of the gateway calls what expects it, and documents every refusal that a client may meet."""

from dataclasses import replace

from contracts import accounts, organizations
from contracts.errors import Conflict
from gateway import openapi, problems
from gateway.routes import ROUTES


def faults(routes, document):
    """Methods that do not expect the gateway, refusals without a status, and refusals missing from the document."""
    found = []
    for route in routes:
        place = f"{route.verb} {route.path}"
        found += [f"{place} calls {one.name}, not for the gateway" for one in route.methods if "gateway" not in one.callers]
        told = document["paths"].get(route.path, {}).get(route.verb.lower(), {}).get("responses", {})
        for refusal in refusals(route):
            status = str(problems.status_of(refusal))
            if refusal.__doc__.strip() not in told.get(status, {}).get("description", ""):
                found.append(f"{place} does not document {refusal.__name__} ({status})")
    return found


def refusals(route):
    """Those that its methods declare, and those that the route adds."""
    return {refusal for method in route.methods for refusal in method.refuses} | set(route.refuses)


def test_every_route_documents_its_refusals():
    assert faults(ROUTES, openapi.document("Emplois")) == []


def test_every_status_of_a_refusal_has_a_title():
    assert {problems.status_of(refusal) for route in ROUTES for refusal in refusals(route)} <= set(problems.TITLES)


def test_a_route_left_out_of_the_document_is_found():
    document = openapi.document("Emplois")
    route = next(route for route in ROUTES if route.call is accounts.log_in)
    document["paths"].pop(route.path)
    assert "POST /api/sessions does not document WrongEmailOrPassword (401)" in faults([route], document)


def test_an_undocumented_refusal_is_found():
    class HasNoReason(Conflict):
        """Cette situation n'a pas de raison."""

    route = next(route for route in ROUTES if route.call is organizations.get_magic_link)
    grown = replace(route, call=replace(route.call, refuses=(*route.call.refuses, HasNoReason)))
    assert faults([grown], openapi.document("Emplois")) == ["GET /api/magic-links/{token} does not document HasNoReason (409)"]


def test_a_method_for_others_is_found():
    route = replace(ROUTES[0], call=organizations.claim_structure)
    assert "calls organizations.claim_structure, not for the gateway" in faults([route], openapi.document("Emplois"))[0]
