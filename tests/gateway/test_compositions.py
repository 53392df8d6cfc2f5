"""Answers made of two or three calls."""

import pytest

from contracts import accounts, invitations, organizations
from contracts.accounts import AddressHasAnAccount
from contracts.organizations import StructureIsNotActive
from tests.gateway import samples
from tests.gateway.conftest import TOKEN

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def answers(bus):
    samples.answer_all(bus)


class TestFindStructures:
    async def test_shows_no_more_of_a_contact_than_an_initial(self, client):
        response = await client.get("/api/structures", params={"company_number": "732 829 320"})
        assert response.json()["taken"][0]["contact"] == "Jean D."
        assert "Dupont" not in response.text and "@" not in response.text

    async def test_asks_for_no_contact_when_there_is_none(self, client, bus):
        bus.answer(organizations.find_structures, {"joinable": [samples.STRUCTURE], "taken": []})
        response = await client.get("/api/structures", params={"company_number": samples.COMPANY_NUMBER})
        assert response.json()["joinable"][0]["kind_label"] == "Entreprise d'insertion"
        assert bus.names == ["organizations.find_structures"]


class TestListMembers:
    async def test_puts_names_beside_roles(self, client, bearer):
        response = await client.get(f"/api/organizations/{samples.ORGANIZATION}/members", headers=bearer)
        (member,) = response.json()["items"]
        assert (member["first_name"], member["email"], member["role"]) == ("Jean", samples.CONTACT["email"], "administrator")

    async def test_shows_a_member_whose_contact_is_gone(self, client, bearer, bus):
        bus.answer(accounts.get_contacts, {"items": []})
        response = await client.get(f"/api/organizations/{samples.ORGANIZATION}/members", headers=bearer)
        assert response.json()["items"][0]["email"] is None


class TestAcceptInvitation:
    url = f"/api/invitations/{samples.LINK}/acceptance"

    async def test_makes_an_account_then_joins_as_it(self, client, bus):
        response = await client.post(self.url, json=samples.NEW_ACCOUNT)
        assert response.json()["session_token"] == samples.NEW_TOKEN
        assert response.json()["organization_id"] == str(samples.ORGANIZATION)
        assert f"__Host-session={samples.NEW_TOKEN}" in response.headers["set-cookie"]
        assert [call["subject"].name for call in bus.calls] == ["visitor", "visitor", f"account:{samples.ACCOUNT}"]
        assert bus.calls[1]["request"]["claim"] == "claim"

    async def test_with_a_session_needs_no_body(self, client, bus, bearer):
        response = await client.post(self.url, headers=bearer)
        assert response.json() == {
            "organization_id": str(samples.ORGANIZATION), "state": "accepted", "session": None, "session_token": None,
        }  # fmt: skip
        assert bus.names == ["invitations.check_acceptance", "invitations.accept_invitation"]

    @pytest.mark.parametrize("is_logged_in", [True, False])
    async def test_begins_nothing_where_a_structure_cannot_be_joined_now(self, client, bus, bearer, is_problem, is_logged_in):
        """Architecture 3: the invitation stays pending, for the day on which it can."""
        bus.answer(invitations.check_acceptance, StructureIsNotActive())
        sent = {"headers": bearer} if is_logged_in else {"json": samples.NEW_ACCOUNT}
        document = is_problem(await client.post(self.url, **sent), 409)
        assert document["type"] == "/problemes/StructureIsNotActive"
        assert bus.names == ["invitations.check_acceptance"]

    async def test_joins_nothing_when_the_address_has_an_account(self, client, bus, is_problem):
        bus.answer(accounts.sign_up_invited, AddressHasAnAccount())
        is_problem(await client.post(self.url, json=samples.NEW_ACCOUNT), 409)
        assert invitations.accept_invitation.name not in bus.names

    async def test_refuses_an_incomplete_form_before_any_call(self, client, bus, is_problem):
        document = is_problem(await client.post(self.url, json={"first_name": "Aya"}), 422)
        assert {error["pointer"] for error in document["errors"]} == {"/last_name", "/password", "/accepts_terms"}
        assert not bus.calls


class TestSession:
    async def test_logging_in_gives_the_token_in_body_and_cookie(self, client):
        response = await client.post("/api/sessions", json=samples.BODIES["LogIn"])
        assert response.json()["session_token"] == samples.NEW_TOKEN
        assert "session_id" not in response.text
        cookie = response.headers["set-cookie"]
        assert cookie.startswith(f"__Host-session={samples.NEW_TOKEN};")
        assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"))
        assert "Domain" not in cookie

    async def test_logging_out_takes_the_cookie_back_even_from_an_ended_session(self, client, bus):
        client.cookies.set("__Host-session", "ended", domain="emplois.example")
        response = await client.delete("/api/session", headers={"Sec-Fetch-Site": "same-origin"})
        assert response.status_code == 204
        assert "Max-Age=0" in response.headers["set-cookie"] and not bus.names

    async def test_the_subject_is_who_the_session_names(self, client, bus, bearer):
        await client.get("/api/account", headers=bearer)
        asked = bus.calls[-1]["subject"]
        assert (asked.account_id, asked.kind) == (bus.sessions[TOKEN]["account_id"], "employer")


class TestIdempotencyKey:
    async def test_goes_to_the_calls_that_change_something(self, client, bus):
        await client.post(TestAcceptInvitation.url, json=samples.NEW_ACCOUNT, headers={"Idempotency-Key": "mine"})
        assert [call["key"] for call in bus.calls] == [None, "mine", "mine"]

    @pytest.mark.parametrize("key", ["", " ", "é", "a" * 256, "a b"])
    async def test_must_be_printable_and_short(self, client, key, bus, is_problem):
        headers = {b"idempotency-key": key.encode()}
        is_problem(await client.post(TestAcceptInvitation.url, json=samples.NEW_ACCOUNT, headers=headers), 400)
        assert not bus.calls

    @pytest.mark.parametrize("key", ["mine", "a b"])
    async def test_is_ignored_where_it_would_not_be_true(self, client, key, bus, bearer):
        """A session's token is kept by nobody, so that no second request could have it again."""
        response = await client.post("/api/sessions", json=samples.BODIES["LogIn"], headers={"Idempotency-Key": key})
        assert response.status_code == 201 and bus.calls[-1]["key"] is None
        assert (await client.get("/api/account", headers=bearer | {"Idempotency-Key": key})).status_code == 200
