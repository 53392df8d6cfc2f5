"""What is down is when the state of the system is asked for: some pages are shown whatever it is."""

import time

import pytest

from chassis.wire import BusIsDown, CallFailed, CallTimedOut
from contracts import accounts
from contracts.accounts import SessionHasEnded
from gateway.bus import MessageWasReturned
from tests.gateway import samples
from tests.gateway.web import PAGES, is_page, submit, told

pytestmark = pytest.mark.anyio

ALONE = pytest.mark.parametrize("page", [page for page in PAGES if page.stands_alone], ids=lambda page: page.path)


def test_they_are_few():
    assert {page.path for page in PAGES if page.stands_alone} == {"/", "/etat", "/problemes/{name}"}


@ALONE
@pytest.mark.parametrize("broken", [BusIsDown(), CallTimedOut(), MessageWasReturned(), CallFailed("r")], ids=repr)
async def test_a_page_that_needs_nobody_is_shown_as_to_a_visitor(page, broken, logged_in, bus):
    bus.answer(accounts.get_session, broken)
    response = await logged_in.get(samples.path_of(page))
    text = is_page(response)
    assert "Connexion" in text and "Me déconnecter" not in text
    assert "__Host-session" not in response.headers.get("set-cookie", "")


@ALONE
async def test_it_does_not_wait_long_for_who_is_there(page, logged_in, bus):
    await logged_in.get(samples.path_of(page))
    (call,) = bus.calls
    assert call["deadline"] - time.time() <= 1


@ALONE
async def test_it_knows_who_is_there_all_the_same(page, logged_in):
    assert "Me déconnecter" in is_page(await logged_in.get(samples.path_of(page)))


@ALONE
async def test_it_forgets_a_session_that_has_ended(page, logged_in, bus):
    bus.answer(accounts.get_session, SessionHasEnded())
    response = await logged_in.get(samples.path_of(page))
    assert response.status_code == 303 and "Max-Age=0" in response.headers["set-cookie"]


async def test_other_pages_say_that_it_is_down(logged_in, bus):
    bus.answer(accounts.get_session, BusIsDown())
    assert told(BusIsDown) in is_page(await logged_in.get("/tableau-de-bord"), 503)


class TestErrorPage:
    """It is told to somebody: the header is theirs."""

    @pytest.mark.parametrize("path", ["/structures/nope/collaborateurs", f"/invitation/{'x' * 600}", "/problemes/Nothing"])
    async def test_knows_who_is_logged_in(self, path, logged_in, bus):
        samples.answer_all(bus)
        text = is_page(await logged_in.get(path), 404)
        assert "Mes organisations" in text and "Me déconnecter" in text
        assert (await submit(logged_in, path, "/deconnexion")).headers["location"] == "/connexion?info=deconnexion"

    async def test_tells_a_visitor_the_same_without(self, browser):
        assert "Connexion" in is_page(await browser.get("/problemes/Nothing"), 404)
