"""A refused form: shown again with what was typed, the error within reach; nothing is done twice, nor for somebody else."""

import re
import time

import pytest

from chassis.wire import BusIsDown, CallTimedOut
from contracts import accounts, invitations, organizations
from contracts.accounts import PasswordIsTooWeak, TermsMustBeAccepted, WrongEmailOrPassword
from contracts.errors import DeadlineHasPassed, Invalid, TooMany
from contracts.invitations import AddressIsRepeated, InvitationIsOver, TooManyPendingInvitations
from gateway.pages.serving import DEADLINE_SECONDS
from gateway.problems import FormIsExpected, FormIsStale, MalformedForm
from tests.gateway import samples
from tests.gateway.conftest import TOKEN
from tests.gateway.web import FORMS, INVITATION, INVITEE, NEW_ACCOUNT, PAGES, PEOPLE, SIGN_UP, csrf_token, is_page, submit, told

pytestmark = pytest.mark.anyio

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
EMAIL = INVITEE["email"]


@pytest.fixture(autouse=True)
def answers(bus):
    samples.answer_all(bus)


def keys_in(text):
    return re.findall(r'name="form_key" value="(\S+)"', text)


def made(bus, method):
    """The calls of one method."""
    return [call for call in bus.calls if call["method"] is method]


class TestKey:
    async def test_of_a_form_sent_twice_is_one(self, browser, bus):
        for _ in range(2):
            await submit(browser, SIGN_UP, email=EMAIL, form_key="one", **NEW_ACCOUNT)
        assert [call["key"] for call in made(bus, accounts.sign_up_employer)] == ["one", "one"]

    @pytest.mark.parametrize("key", ["", "a" * 256, "a" * 50_000, "a b", "é", "a\0b", "a\r\nb"], ids=range(7))
    async def test_that_is_no_key_is_none(self, key, browser, bus):
        response = await submit(browser, SIGN_UP, email=EMAIL, form_key=key, **NEW_ACCOUNT)
        assert response.status_code == 303
        assert [call["key"] for call in made(bus, accounts.sign_up_employer)] == [None]


class TestUnavailable:
    @pytest.mark.parametrize(("refusal", "status"), [(BusIsDown(), 503), (CallTimedOut(), 504), (DeadlineHasPassed(), 504)])
    async def test_keeps_what_was_typed_and_the_key(self, refusal, status, browser, bus):
        bus.answer(accounts.sign_up_employer, refusal)
        response = await submit(browser, SIGN_UP, email=EMAIL, form_key="mine", **NEW_ACCOUNT)
        text = is_page(response, status)
        assert f'value="{EMAIL}"' in text and 'value="Aya"' in text and NEW_ACCOUNT["password"] not in text
        assert told(type(refusal)) in text and keys_in(text) == ["mine"]
        assert ("retry-after" in response.headers) == (status == 503)

    async def test_leaves_time_to_show_the_form(self, browser, bus, monkeypatch):
        monkeypatch.setattr("gateway.pages.serving.DEADLINE_SECONDS", 0.0)
        bus.answer(accounts.sign_up_employer, CallTimedOut())
        is_page(await submit(browser, SIGN_UP, email=EMAIL, **NEW_ACCOUNT), 504)
        assert made(bus, organizations.get_magic_link)[-1]["deadline"] > time.time() + 1

    async def test_says_so_on_a_page_where_the_form_cannot_be_shown(self, browser, bus):
        token = await csrf_token(browser, SIGN_UP)
        bus.answer(accounts.sign_up_employer, BusIsDown())
        bus.answer(organizations.get_magic_link, BusIsDown())
        response = await browser.post(SIGN_UP, data={"csrf_token": token, "email": EMAIL, **NEW_ACCOUNT})
        assert told(BusIsDown) in is_page(response, 503) and response.headers["retry-after"]

    async def test_after_another_refusal_the_key_is_new(self, browser, bus):
        bus.answer(accounts.sign_up_employer, PasswordIsTooWeak())
        text = is_page(await submit(browser, SIGN_UP, email=EMAIL, form_key="mine", **NEW_ACCOUNT), 422)
        assert keys_in(text) and "mine" not in keys_in(text)

    def test_no_page_has_less_time_than_what_it_calls(self):
        called = (accounts.confirm_email, invitations.accept_invitation, accounts.log_in, invitations.invite)
        assert all(method.deadline <= DEADLINE_SECONDS for method in called)


class TestStale:
    """The browser itself says that the form is ours, but it was opened under another session."""

    @pytest.mark.parametrize("page", [page for page in PAGES if page.verb == "POST"], ids=lambda page: page.path)
    @pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "", "Origin": "https://emplois.example"}])
    async def test_does_nothing(self, page, headers, logged_in, bus):
        sent = {"csrf_token": "0" * 64, **FORMS[page.path]}
        response = await logged_in.post(samples.path_of(page), data=sent, headers=headers)
        if page.path != "/connexion":  # Who is logged in already goes on.
            assert told(FormIsStale) in is_page(response, 403)
        assert not any(call["method"].changes for call in bus.calls)

    async def test_is_shown_again_and_then_accepted(self, browser, bus):
        stale = await csrf_token(browser, SIGN_UP)
        bus.open_session()
        browser.cookies.set("__Host-session", TOKEN, domain="emplois.example")
        sent = {"email": EMAIL, **NEW_ACCOUNT}
        text = is_page(await browser.post(SIGN_UP, data={"csrf_token": stale, **sent}), 403)
        assert f'value="{EMAIL}"' in text
        fresh = re.search(r'name="csrf_token" value="(\w+)"', text).group(1)
        assert (await browser.post(SIGN_UP, data={"csrf_token": fresh, **sent})).status_code == 303

    async def test_log_in_leads_who_is_logged_in_by_now_to_the_dashboard(self, browser, bus):
        stale = await csrf_token(browser, "/connexion")
        bus.open_session()
        browser.cookies.set("__Host-session", TOKEN, domain="emplois.example")
        response = await browser.post("/connexion", data={"csrf_token": stale, **samples.BODIES["LogIn"]})
        assert response.headers["location"] == "/tableau-de-bord" and not made(bus, accounts.log_in)

    async def test_to_an_invitation_that_is_over_says_that_it_is(self, logged_in, bus):
        bus.answer(invitations.get_invitation, InvitationIsOver())
        assert told(InvitationIsOver) in is_page(await logged_in.post(INVITATION, data={"csrf_token": "x"}), 410)


class TestFocus:
    """Without scripts: the browser goes to what is wrong, and the alert leads to each field."""

    async def test_is_on_the_first_wrong_field(self, logged_in):
        text = is_page(await submit(logged_in, PEOPLE, email="x", first_name="", last_name="M"), 422)
        assert re.findall(r'<input[^>]* id="(\w+)"[^>]* autofocus>', text) == ["email"]
        assert re.findall(r'<li><a class="alert-link" href="#(\w+)">', text) == ["email", "first_name"]

    async def test_is_on_the_alert_when_no_field_is_wrong(self, logged_in, bus):
        bus.answer(invitations.invite, TooManyPendingInvitations())
        text = is_page(await submit(logged_in, PEOPLE, **INVITEE), 429)
        assert re.search(r'<div class="alert[^>]* role="alert" tabindex="-1" autofocus>', text)

    async def test_is_on_the_alert_when_the_wrong_field_is_not_shown(self, browser, bus):
        bus.answer(accounts.sign_up_employer, Invalid.at("/magic_link_token", "Valeur trop longue."))
        text = is_page(await submit(browser, SIGN_UP, email=EMAIL, **NEW_ACCOUNT), 422)
        assert re.search(r'role="alert" tabindex="-1" autofocus>', text) and "<li>Valeur trop longue.</li>" in text

    @pytest.mark.parametrize(("refusal", "field"), [(PasswordIsTooWeak, "password"), (TermsMustBeAccepted, "accepts_terms")])
    async def test_is_on_the_field_that_a_whole_refusal_is_about(self, refusal, field, browser, bus):
        bus.answer(accounts.sign_up_employer, refusal())
        text = is_page(await submit(browser, SIGN_UP, email=EMAIL, **NEW_ACCOUNT), 422)
        assert re.findall(r'<input[^>]* id="(\w+)"[^>]* autofocus>', text) == [field]
        assert text.count(told(refusal)) == 2  # In the alert and beside the field.

    async def test_a_number_that_is_none_is_gone_back_to(self, browser):
        text = is_page(await browser.get("/inscription?company_number=123"), 422)
        assert re.findall(r'<input[^>]* id="(\w+)"[^>]* autofocus>', text) == ["company_number"]

    async def test_nothing_takes_it_on_a_page_without_a_mistake(self, logged_in):
        assert "autofocus" not in is_page(await logged_in.get(PEOPLE))


class TestInvitationForm:
    async def test_comes_last_and_first_when_it_was_refused(self, logged_in, bus):
        text = is_page(await logged_in.get(PEOPLE))
        assert text.index("<table") < text.index('id="email"')
        bus.answer(invitations.invite, AddressIsRepeated())
        text = is_page(await submit(logged_in, PEOPLE, **INVITEE), 422)
        assert text.index('id="email"') < text.index("<table") and text.count('id="email"') == 1

    async def test_tells_a_wrong_role_beside_it(self, logged_in):
        text = is_page(await submit(logged_in, PEOPLE, role="king", **INVITEE), 422)
        assert re.search(r'<select class="form-select is-invalid" id="role"[^>]* aria-describedby="role-error" autofocus>', text)
        assert 'id="role-error"' in text and 'href="#role"' in text


class TestHeaders:
    async def test_of_a_refusal_stand_on_its_form_too(self, browser, bus):
        bus.answer(accounts.log_in, TooMany(retry_after=90))
        response = await submit(browser, "/connexion", **samples.BODIES["LogIn"])
        assert is_page(response, 429) and response.headers["retry-after"] == "90"
        bus.answer(accounts.log_in, WrongEmailOrPassword())
        response = await submit(browser, "/connexion", **samples.BODIES["LogIn"])
        assert is_page(response, 401) and response.headers["www-authenticate"] == "Bearer"


class TestBody:
    @pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain"])
    async def test_of_another_type_is_refused_in_the_words_of_forms(self, kind, browser, bus):
        text = is_page(await browser.post("/connexion", content=b"{}", headers={"Content-Type": kind}), 415)
        assert told(FormIsExpected) in text and "JSON" not in text and not bus.calls

    @pytest.mark.parametrize("content", [b"email=%ff", b"\xff", b"&".join([b"a=b"] * 200)])
    async def test_that_is_unreadable_is_refused_in_the_words_of_forms(self, content, browser, bus):
        text = is_page(await browser.post("/connexion", content=content, headers=FORM), 400)
        assert told(MalformedForm) in text and not bus.calls
