"""What a person's browser sends to our pages, and what a page must be."""

import re

from markupsafe import escape

from gateway.app import all_pages
from gateway.health import Health
from tests.gateway import samples
from tests.gateway.conftest import TOKEN, StubBus

PAGES = all_pages(Health(StubBus(), {}))
SIGN_UP = f"/rejoindre/{samples.LINK}"
CONFIRM = f"/confirmer/{samples.LINK}"
INVITATION = f"/invitation/{samples.LINK}"
PEOPLE = f"/structures/{samples.ORGANIZATION}/collaborateurs"
NEW_ACCOUNT = samples.NEW_ACCOUNT | {"accepts_terms": "on"}
INVITEE = samples.BODIES["Invitees"]["invitees"][0]
# What is filled in on each page by somebody who is logged in.
FORMS = {
    "/inscription/{organization_id}": {},
    "/rejoindre/{token}": NEW_ACCOUNT | {"email": INVITEE["email"]},
    "/confirmer/{token}": samples.BODIES["SignUpPassword"],
    "/invitation/{token}": {},
    "/connexion": samples.BODIES["LogIn"],
    "/deconnexion": {},
    "/structures/{organization_id}/collaborateurs": INVITEE,
}


def name_of(page):
    return f"{page.verb} {page.path}"


async def csrf_token(browser, page="/"):
    """The token in a page's first form."""
    return re.search(r'name="csrf_token" value="(\w+)"', (await browser.get(page)).text).group(1)


async def submit(browser, page, path=None, **fields):
    """Open a page as a person does, fill its form in, send it."""
    token = await csrf_token(browser, page)
    return await browser.post(path or page, data={"csrf_token": token, **fields})


async def use(browser, page):
    """Ask for a page as somebody does who is logged in and makes no mistake."""
    browser.cookies.clear()
    browser.cookies.set("__Host-session", TOKEN, domain="emplois.example")
    if page.verb == "GET":
        params = {"company_number": samples.COMPANY_NUMBER} if page.path == "/inscription" else {}
        return await browser.get(samples.path_of(page), params=params)
    return await browser.post(samples.path_of(page), data={"csrf_token": await csrf_token(browser), **FORMS[page.path]})


def told(refusal):
    """A refusal's sentence, as it stands in a page."""
    return str(escape(refusal.__doc__))


def is_page(response, status=200):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="fr">' in response.text
    assert len(re.findall("<h1", response.text)) == 1
    assert "script-src" not in response.headers["content-security-policy"] and "<script" not in response.text
    labels, fields = (
        set(re.findall(r'<label[^>]* for="(\w+)"', response.text)),
        set(re.findall(r'<(?:input|select)[^>]* id="(\w+)"', response.text)),
    )
    assert labels == fields
    described = {one for ids in re.findall(r'aria-describedby="([^"]+)"', response.text) for one in ids.split()}
    assert described <= set(re.findall(r' id="([\w-]+)"', response.text))
    assert response.text.count(" autofocus") <= 1
    return response.text
