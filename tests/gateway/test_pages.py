"""The web client: opening shows, posting acts, errors stand beside their fields, and nobody posts for somebody else."""

import re

import pytest

from contracts import accounts, invitations, organizations
from contracts.accounts import PasswordIsNotTheSignUps, PasswordIsTooWeak, WrongEmailOrPassword
from contracts.invitations import InvitationIsForSomeoneElse, InvitationIsOver
from contracts.links import LinkIsUnknown
from contracts.organizations import MagicLinkIsOver, OrganizationNotFound, StructureHasMembers, StructureIsNotActive
from contracts.vocabulary import JoinState, Role
from tests.gateway import samples
from tests.gateway.web import (
    CONFIRM,
    INVITATION,
    NEW_ACCOUNT,
    PAGES,
    PEOPLE,
    SIGN_UP,
    csrf_token,
    is_page,
    name_of,
    submit,
    told,
    use,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def answers(bus):
    samples.answer_all(bus)


def end_invitation(bus, refusal):
    """What an acceptance that is refused for good leaves behind: its link leads nowhere any more."""
    bus.answer(invitations.get_invitation, InvitationIsOver())
    raise refusal


@pytest.mark.parametrize("page", [page for page in PAGES if page.verb == "GET"], ids=lambda page: page.path)
async def test_every_page_shows(page, logged_in):
    response = await logged_in.get(samples.path_of(page))
    if page.path != "/connexion":  # Who is logged in goes on.
        is_page(response)
    assert response.headers["referrer-policy"] == ("no-referrer" if page.has_token else "same-origin")


@pytest.mark.parametrize("page", [page for page in PAGES if page.has_token and page.verb == "GET"], ids=lambda page: page.path)
@pytest.mark.parametrize(("refusal", "status"), [(LinkIsUnknown, 404), (MagicLinkIsOver, 410), (InvitationIsOver, 410)])
async def test_a_link_that_leads_nowhere_says_what_to_do_next(page, refusal, status, browser, bus):
    for method in (organizations.get_magic_link, accounts.get_email_confirmation, invitations.get_invitation):
        bus.answer(method, refusal())
    text = is_page(await browser.get(samples.path_of(page)), status)
    assert "btn-primary" in text
    assert refusal.__doc__.split(" : ")[0].replace("'", "&#39;") in text


@pytest.mark.parametrize("page", PAGES, ids=name_of)
async def test_r09_a_broken_page_says_no_more_than_that(page, logged_in, bus):
    await use(logged_in, page)
    called = set(bus.names)
    assert called or page.stands_alone or name_of(page) == "GET /connexion"
    for name in called:
        right = bus.answers[name]
        bus.answers[name] = RuntimeError("postgresql://secret")
        response = await use(logged_in, page)
        bus.answers[name] = right
        assert "secret" not in is_page(response, 500)
        assert response.headers["x-request-id"] in response.text


@pytest.mark.parametrize("page", [page for page in PAGES if page.verb == "POST"], ids=lambda page: page.path)
@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "", "Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}],
)
async def test_a_forged_form_changes_nothing(page, headers, logged_in, bus):
    for token in (await csrf_token(logged_in), "0" * 64):
        bus.calls.clear()
        is_page(await logged_in.post(samples.path_of(page), data={"csrf_token": token}, headers=headers), 403)
        assert not bus.calls


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": ""}, {"Sec-Fetch-Site": "", "Origin": "null"}])
async def test_a_wrong_token_is_a_forgery_where_nobody_says_that_the_form_is_ours(headers, browser, bus):
    await browser.get("/connexion")
    text = is_page(await browser.post("/connexion", data={"csrf_token": "0" * 64}, headers=headers), 403)
    assert 'id="email"' not in text and not bus.calls


class TestJoining:
    async def test_search_shows_what_may_be_joined_and_who_holds_the_rest(self, browser):
        text = is_page(await browser.get("/inscription", params={"company_number": "732 829 320"}))
        assert "Recevoir le lien" in text and "Jean D." in text and "Dupont" not in text

    async def test_search_explains_a_wrong_number(self, browser, bus):
        text = is_page(await browser.get("/inscription", params={"company_number": "12<b>"}), 422)
        assert 'id="company_number-error"' in text and "12&lt;b&gt;" in text and not bus.names

    async def test_the_link_goes_to_the_official_address(self, browser):
        page = f"/inscription?company_number={samples.COMPANY_NUMBER}"
        response = await submit(browser, page, f"/inscription/{samples.ORGANIZATION}")
        assert "c******@t*******.example" in is_page(response)

    async def test_sign_up_ends_at_the_mailbox(self, browser, bus):
        response = await submit(browser, SIGN_UP, email="aya@tilleuls.example", **NEW_ACCOUNT)
        assert response.headers["location"] == "/connexion?info=inscription"
        assert "messagerie" in is_page(await browser.get(response.headers["location"]))
        assert bus.calls[-1]["request"]["accepts_terms"] is True

    async def test_sign_up_shows_errors_beside_fields_and_never_a_password(self, browser, bus):
        fields = NEW_ACCOUNT | {"first_name": "", "password": "hunter2hunter2hunter2"}
        del fields["accepts_terms"]
        text = is_page(await submit(browser, SIGN_UP, email="aya@", **fields), 422)
        assert all(f'id="{name}-error"' in text for name in ("email", "first_name"))
        assert "hunter2" not in text and 'value="aya@"' in text and 'minlength="15"' in text
        assert bus.names == ["organizations.get_magic_link"] * 2

    async def test_a_weak_password_is_told_beside_it(self, browser, bus):
        bus.answer(accounts.sign_up_employer, PasswordIsTooWeak())
        text = is_page(await submit(browser, SIGN_UP, email="aya@tilleuls.example", **NEW_ACCOUNT), 422)
        assert 'id="password-error"' in text

    async def test_opening_a_confirmation_confirms_nothing(self, browser, bus):
        await browser.get(CONFIRM)
        assert accounts.confirm_email.name not in bus.names
        response = await submit(browser, CONFIRM, **samples.BODIES["SignUpPassword"])
        assert response.headers["location"] == "/connexion?info=confirmation"
        assert bus.calls[-1]["request"] == {"token": samples.LINK, **samples.BODIES["SignUpPassword"]}

    async def test_a_confirmation_asks_for_the_sign_up_s_password_and_says_why(self, browser, bus):
        text = is_page(await browser.get(CONFIRM))
        assert 'autocomplete="current-password"' in text and "novalidate" in text and 'id="password-hint"' in text
        assert 'autocomplete="username"' in text  # For password managers.
        assert 'id="password-error"' in is_page(await submit(browser, CONFIRM), 422)
        assert accounts.confirm_email.name not in bus.names

    async def test_another_password_is_told_beside_its_field(self, browser, bus):
        bus.answer(accounts.confirm_email, PasswordIsNotTheSignUps())
        text = is_page(await submit(browser, CONFIRM, **samples.BODIES["SignUpPassword"]), 422)
        assert 'id="password-error"' in text and told(PasswordIsNotTheSignUps) in text
        assert samples.BODIES["SignUpPassword"]["password"] not in text

    async def test_a_form_sent_twice_acts_under_one_key(self, browser, bus):
        for _ in range(2):
            await submit(browser, CONFIRM, form_key="one", **samples.BODIES["SignUpPassword"])
        assert [call["key"] for call in bus.calls if call["method"] is accounts.confirm_email] == ["one", "one"]


class TestInvitation:
    async def test_a_visitor_gets_an_account_and_a_session(self, browser):
        response = await submit(browser, INVITATION, **NEW_ACCOUNT)
        assert response.headers["location"] == "/tableau-de-bord"
        assert f"__Host-session={samples.NEW_TOKEN}" in response.headers["set-cookie"]

    async def test_its_names_are_filled_in(self, browser):
        assert 'value="Martin"' in is_page(await browser.get(INVITATION))

    async def test_who_is_logged_in_only_presses_a_button(self, logged_in, bus):
        response = await submit(logged_in, INVITATION)
        assert response.headers["location"] == "/tableau-de-bord"
        assert accounts.sign_up_invited.name not in bus.names

    async def test_who_is_logged_in_reads_both_addresses(self, logged_in, browser):
        text = is_page(await logged_in.get(INVITATION))
        assert "<strong>aya.martin@tilleuls.example</strong>" in text
        assert f"<strong>{samples.CONTACT['email']}</strong>" in text

    @pytest.mark.parametrize("asked", [invitations.check_acceptance, invitations.accept_invitation])
    async def test_says_why_it_was_refused_even_when_that_ended_it(self, logged_in, bus, asked):
        bus.answer(asked, lambda **_: end_invitation(bus, StructureIsNotActive()))
        text = is_page(await submit(logged_in, INVITATION), 409)
        assert told(StructureIsNotActive) in text and told(InvitationIsOver) not in text

    async def test_an_incomplete_form_of_an_invitation_that_is_over_says_that_it_is(self, browser, bus):
        shown = await browser.get(INVITATION)
        token = re.search(r'name="csrf_token" value="(\w+)"', shown.text).group(1)
        bus.answer(invitations.get_invitation, InvitationIsOver())
        assert told(InvitationIsOver) in is_page(await browser.post(INVITATION, data={"csrf_token": token}), 410)

    async def test_somebody_else_is_told_and_may_log_out(self, logged_in, bus):
        bus.answer(invitations.accept_invitation, InvitationIsForSomeoneElse())
        text = is_page(await submit(logged_in, INVITATION), 403)
        assert 'role="alert"' in text and 'action="/deconnexion"' in text


class TestSession:
    async def test_log_in_opens_the_dashboard(self, browser):
        response = await submit(browser, "/connexion", **samples.BODIES["LogIn"])
        assert (response.status_code, response.headers["location"]) == (303, "/tableau-de-bord")

    async def test_log_in_goes_back_where_it_was_needed(self, browser):
        asked = await browser.get(PEOPLE)
        assert asked.headers["location"] == f"/connexion?suite={PEOPLE}"
        response = await submit(browser, asked.headers["location"], "/connexion", suite=PEOPLE, **samples.BODIES["LogIn"])
        assert response.headers["location"] == PEOPLE

    @pytest.mark.parametrize("suite", ["//evil.example", "https://evil.example", "/invitation/../x", "/api/session", "\\\\x"])
    async def test_log_in_goes_to_no_other_site(self, suite, browser):
        response = await submit(browser, "/connexion", suite=suite, **samples.BODIES["LogIn"])
        assert response.headers["location"] == "/tableau-de-bord"

    async def test_a_wrong_password_is_told_once_for_both(self, browser, bus):
        bus.answer(accounts.log_in, WrongEmailOrPassword())
        text = is_page(await submit(browser, "/connexion", **samples.BODIES["LogIn"]), 401)
        assert 'role="alert"' in text and samples.BODIES["LogIn"]["password"] not in text

    async def test_log_out_forgets_the_session(self, logged_in, bus):
        response = await submit(logged_in, "/", "/deconnexion")
        assert "Max-Age=0" in response.headers["set-cookie"]
        assert accounts.log_out.name in bus.names

    async def test_an_ended_session_is_forgotten_before_a_form_is_shown(self, browser):
        browser.cookies.set("__Host-session", "ended", domain="emplois.example")
        response = await browser.get("/connexion?info=confirmation")
        assert response.headers["location"] == "/connexion?info=confirmation"
        assert "Max-Age=0" in response.headers["set-cookie"]


class TestDashboard:
    async def test_lists_what_one_acts_for(self, logged_in):
        text = is_page(await logged_in.get("/tableau-de-bord"))
        assert "Atelier des Tilleuls" in text and "Gérer vos collaborateurs" in text and "alert" not in text

    async def test_tells_why_the_join_of_the_sign_up_was_refused(self, logged_in, bus):
        refused = {"join_state": JoinState.REFUSED, "join_refusal": StructureHasMembers.__doc__}
        bus.answer(accounts.get_account, samples.OWN_ACCOUNT | refused)
        bus.answer(organizations.list_my_organizations, {"items": []})
        text = is_page(await logged_in.get("/tableau-de-bord"))
        assert "alert-warning" in text and told(StructureHasMembers) in text

    async def test_tells_it_no_more_to_who_was_invited_since(self, logged_in, bus):
        refused = {"join_state": JoinState.REFUSED, "join_refusal": StructureHasMembers.__doc__}
        bus.answer(accounts.get_account, samples.OWN_ACCOUNT | refused)
        assert "alert" not in is_page(await logged_in.get("/tableau-de-bord"))

    async def test_tells_that_a_join_is_on_its_way(self, logged_in, bus):
        bus.answer(accounts.get_account, samples.OWN_ACCOUNT | {"join_state": JoinState.REMEMBERED})
        bus.answer(organizations.list_my_organizations, {"items": []})
        assert "en cours" in is_page(await logged_in.get("/tableau-de-bord"))

    async def test_tells_programs_too(self, client, bearer, bus):
        refused = {"join_state": JoinState.REFUSED, "join_refusal": StructureHasMembers.__doc__}
        bus.answer(accounts.get_account, samples.OWN_ACCOUNT | refused)
        told_account = (await client.get("/api/account", headers=bearer)).json()
        assert (told_account["join_state"], told_account["join_refusal"]) == ("refused", StructureHasMembers.__doc__)

    async def test_shows_members_and_pending_invitations(self, logged_in):
        text = is_page(await logged_in.get(PEOPLE))
        assert "Jean Dupont" in text and "aya.martin@tilleuls.example" in text

    async def test_invites(self, logged_in, bus):
        sent = samples.BODIES["Invitees"]["invitees"][0]
        response = await submit(logged_in, PEOPLE, role="administrator", **sent)
        assert response.headers["location"] == f"{PEOPLE}?info=invitation"
        assert bus.calls[-1]["request"]["invitees"][0]["role"] == "administrator"

    async def test_offers_no_role_that_a_member_cannot_give(self, logged_in, bus):
        assert 'name="role"' in is_page(await logged_in.get(PEOPLE))
        bus.answer(organizations.get_standing, samples.RESULTS[organizations.get_standing] | {"role": Role.MEMBER})
        assert 'name="role"' not in is_page(await logged_in.get(PEOPLE))
        await submit(logged_in, PEOPLE, **samples.BODIES["Invitees"]["invitees"][0])
        assert bus.calls[-1]["request"]["invitees"][0]["role"] == Role.MEMBER

    async def test_shows_what_is_wrong_with_an_invitation(self, logged_in, bus):
        text = is_page(await submit(logged_in, PEOPLE, email="x", first_name="http://x", last_name="M", role="member"), 422)
        assert 'id="email-error"' in text and 'id="first_name-error"' in text
        assert invitations.invite.name not in bus.names

    async def test_another_s_organization_is_unknown(self, logged_in, bus):
        bus.answer(organizations.get_standing, OrganizationNotFound())
        is_page(await logged_in.get(PEOPLE), 404)
        is_page(await logged_in.get("/structures/nope/collaborateurs"), 404)


class TestHome:
    async def test_says_where_everything_is(self, browser):
        text = is_page(await browser.get("/"))
        assert all(f'href="{link}"' in text for link in ("/api/docs", "/etat", "http://127.0.0.1:8025", "/inscription"))

    async def test_an_unknown_page_is_told_to_people_and_programs(self, browser, client, is_problem):
        is_page(await browser.get("/nothing"), 404)
        is_problem(await client.get("/nothing"), 404)

    async def test_the_documents_ask_nothing_of_the_outside(self, browser):
        response = await browser.get("/api/docs")
        assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", response.text)
        for name in re.findall(r"/static/([\w.-]+)", response.text):
            assert (await browser.get(f"/static/{name}")).status_code == 200
        assert "connect-src 'self'" in response.headers["content-security-policy"]

    @pytest.mark.parametrize("name", ["../settings.py", "..%2fsettings.py", "nothing.css"])
    async def test_no_other_file_is_served(self, name, client):
        assert (await client.get(f"/static/{name}")).status_code == 404
