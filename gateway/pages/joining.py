"""Joining as an employer: find the structure, ask for its link, sign up by it, confirm the address."""

from starlette.responses import Response

from contracts import accounts, organizations
from contracts.errors import Invalid
from gateway import compositions, problems, receiving, schemas
from gateway.pages.serving import Page
from gateway.pages.visit import Visit


async def search(visit: Visit) -> Response:
    """The search by SIREN or SIRET, and what it found."""
    typed = visit.request.query_params.get("company_number")
    found = None
    if typed is not None:
        try:
            wanted = receiving.load(schemas.CompanySearch, {"company_number": typed})
            found = await compositions.find_structures(visit.asking, **wanted)
        except Invalid as refusal:
            visit.problem = problems.of(refusal)
    return visit.render("search.html", typed=typed or "", found=found)


async def ask_magic_link(visit: Visit) -> Response:
    """Have the link sent to the structure's official address."""
    sent = await visit.asking(organizations.request_magic_link, organization_id=visit.organization_id)
    return visit.render("magic_link_sent.html", masked_email=sent["masked_email"])


async def show_sign_up(visit: Visit) -> Response:
    """The form behind a magic link; opening it uses nothing up."""
    link = await visit.asking(organizations.get_magic_link, token=visit.token)
    return visit.render("sign_up.html", link=link)


async def sign_up(visit: Visit) -> Response:
    """Take the sign-up in; the rest is in the mail, whether or not the address was known."""
    await compositions.sign_up_employer(visit.asking, token=visit.token, **visit.load(schemas.EmployerSignUp))
    return visit.redirect("/connexion?info=inscription")


async def show_confirmation(visit: Visit) -> Response:
    """The form behind a confirmation link: mail scanners open links, only people fill forms in."""
    confirmation = await visit.asking(accounts.get_email_confirmation, token=visit.token)
    return visit.render("confirm.html", confirmation=confirmation)


async def confirm(visit: Visit) -> Response:
    """Confirm the address, by the password of the sign-up."""
    await visit.asking(accounts.confirm_email, token=visit.token, **visit.load(schemas.SignUpPassword))
    return visit.redirect("/connexion?info=confirmation")


PAGES = [
    Page("GET", "/inscription", search),
    Page("POST", "/inscription/{organization_id}", ask_magic_link),
    Page("GET", "/rejoindre/{token}", show_sign_up),
    Page("POST", "/rejoindre/{token}", sign_up, again=show_sign_up),
    Page("GET", "/confirmer/{token}", show_confirmation),
    Page("POST", "/confirmer/{token}", confirm, again=show_confirmation),
]
