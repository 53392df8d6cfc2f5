"""The first story, from the ASP's delivery to two members, over the gateway's HTTP interface and true mails.

F-10, F-12, F-13, F-20, F-49, ACC-20 to ACC-26, ACC-50, INV-06, INV-23.
"""

import json
import re
from datetime import date, timedelta

import httpx
import pytest

from operations.local.programs import CommandFailed
from tests.acceptance.conftest import bearer
from tests.world import PASSWORD, WORLD, token_in

pytestmark = pytest.mark.usefixtures("imported")


def find(http, company_number):
    answer = http.get("/api/structures", params={"company_number": company_number})
    assert answer.status_code == 200, answer.text
    return answer.json()


def magic_link(http, mailbox, structure):
    """Ask to join, read the technical correspondent's mail: the token of its link."""
    found = next(each for each in find(http, structure["siret"])["joinable"] if each["kind"] == structure["kind"])
    answer = http.post(f"/api/structures/{found['organization_id']}/magic-links")
    assert answer.status_code == 202, answer.text
    return found, answer.json(), token_in(mailbox.wait_for(structure["auth_email"]), "rejoindre")


def sign_up(http, mailbox, token, email, password=PASSWORD):
    person = {"email": email, "first_name": "Alice", "last_name": "Martin", "password": password, "accepts_terms": True}
    answer = http.post(f"/api/magic-links/{token}/accounts", json=person)
    assert answer.status_code == 202, answer.text
    return token_in(mailbox.wait_for(email), "confirmer")


def confirm(http, token, password=PASSWORD):
    return http.post(f"/api/email-confirmations/{token}", json={"password": password})


def log_in(http, email, password=PASSWORD):
    return http.post("/api/sessions", json={"email": email, "password": password})


class TestTheFirstStory:
    def test_leads_from_a_delivery_to_two_members(self, http, mailbox, structure):
        found, sent, token = magic_link(http, mailbox, structure)
        assert "*" in sent["masked_email"]
        assert sent["masked_email"] != structure["auth_email"]

        alice = f"alice.{found['public_id']}@emplois.example"
        shown = http.get(f"/api/magic-links/{token}").json()
        assert shown["structure"]["siret"] == structure["siret"]
        confirmation = sign_up(http, mailbox, token, alice)
        assert log_in(http, alice).status_code == 403  # « vérifiez vos e-mails » until the link is confirmed.
        assert http.get(f"/api/email-confirmations/{confirmation}").json()["email"] == alice
        assert log_in(http, alice).status_code == 403  # Opening the link changed nothing.
        assert confirm(http, confirmation).status_code == 200

        session = log_in(http, alice)
        assert session.status_code == 201, session.text
        me = bearer(session.json())
        mine = http.get("/api/organizations", headers=me).json()["items"]
        assert [(each["structure"]["public_id"], each["role"]) for each in mine] == [(found["public_id"], "administrator")]

        members, bob = f"/api/organizations/{found['organization_id']}/members", f"bob.{found['public_id']}@emplois.example"
        invitee = {"email": bob, "first_name": "Bob", "last_name": "Durand"}
        invitations = f"/api/organizations/{found['organization_id']}/invitations"
        answer = http.post(invitations, json={"invitees": [invitee]}, headers=me)
        assert answer.status_code == 201, answer.text
        assert [each["state"] for each in http.get(invitations, headers=me).json()["items"]] == ["pending"]

        invitation = token_in(mailbox.wait_for(bob), "invitation")
        assert http.get(f"/api/invitations/{invitation}").json()["email"] == bob
        acceptance = {"first_name": "Bob", "last_name": "Durand", "password": PASSWORD, "accepts_terms": True}
        answer = http.post(f"/api/invitations/{invitation}/acceptance", json=acceptance)
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == "accepted"
        again = http.post(f"/api/invitations/{invitation}/acceptance", json=acceptance)  # As if that answer had been lost.
        assert (again.status_code, again.json()["state"]) == (200, "accepted")

        seen = http.get(members, headers=me).json()["items"]
        assert {(each["email"], each["role"]) for each in seen} == {(alice, "administrator"), (bob, "member")}
        seen_by_bob = http.get(members, headers=bearer(answer.json())).json()["items"]
        assert {each["email"] for each in seen_by_bob} == {alice, bob}
        mailbox.wait_for(alice, subject="accepté")  # NOT-07: who invited is told.

    def test_ends_a_link_with_its_use(self, http, mailbox, structure):
        found, _, token = magic_link(http, mailbox, structure)
        email = f"used.{found['public_id']}@emplois.example"
        confirmation = sign_up(http, mailbox, token, email)
        confirm(http, confirmation)

        assert http.get(f"/api/magic-links/{token}").status_code == 410
        assert confirm(http, confirmation).status_code == 410
        taken = find(http, structure["siret"])["taken"]
        assert [each["structure"]["public_id"] for each in taken] == [found["public_id"]]
        assert taken[0]["contact"] == "Alice M."
        answer = http.post(f"/api/structures/{found['organization_id']}/magic-links")
        assert answer.status_code == 409

    def test_gives_an_address_to_nobody_who_signs_up_with_it_before_its_owner(self, http, mailbox, structure):
        found, _, token = magic_link(http, mailbox, structure)
        email, strangers = f"owner.{found['public_id']}@emplois.example", "quatre poires au soleil"
        confirmation = sign_up(http, mailbox, token, email, strangers)
        assert sign_up(http, mailbox, token, email) == confirmation  # Too soon for another mail: the first one's link serves.

        refused = confirm(http, confirmation, strangers)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/password")
        assert confirm(http, confirmation).status_code == 200
        assert [log_in(http, email, password).status_code for password in (strangers, PASSWORD)] == [401, 201]

    def test_does_not_tell_that_an_address_is_taken(self, stack, http, mailbox, unused_structures):
        first, second = next(unused_structures), next(unused_structures)
        _, _, token = magic_link(http, mailbox, first)
        email = f"taken.{first['siret']}@emplois.example"
        confirm(http, sign_up(http, mailbox, token, email))
        _, _, other = magic_link(http, mailbox, second)
        stack.set_clock_offset(200)  # Mails that a stranger can cause to one address are three minutes apart.

        person = {"email": email, "first_name": "Eve", "last_name": "Dupont", "password": PASSWORD, "accepts_terms": True}
        fresh = {**person, "email": f"fresh.{first['siret']}@emplois.example"}
        answers = [http.post(f"/api/magic-links/{other}/accounts", json=body) for body in (person, fresh)]

        assert [answer.status_code for answer in answers] == [202, 202]
        assert set(answers[0].json()) == set(answers[1].json())
        mailbox.wait_for(email, count=2)  # Its owner is told.

    def test_hides_an_organization_from_others(self, http, mailbox, unused_structures):
        sessions = []
        for structure in (next(unused_structures), next(unused_structures)):
            found, _, token = magic_link(http, mailbox, structure)
            email = f"own.{found['public_id']}@emplois.example"
            confirm(http, sign_up(http, mailbox, token, email))
            sessions.append((found["organization_id"], bearer(log_in(http, email).json())))
        (own, me), (foreign, _) = sessions

        unknown = "00000000-0000-7000-8000-000000000000"
        for path in ("/api/organizations/{}", "/api/organizations/{}/members", "/api/organizations/{}/invitations"):
            answers = [http.get(path.format(each), headers=me) for each in (own, foreign, unknown)]
            assert [answer.status_code for answer in answers] == [200, 404, 404]
            assert without_instance(answers[1]) == without_instance(answers[2])


def without_instance(answer):
    return {key: value for key, value in answer.json().items() if key not in ("instance", "request_id")}


class TestTheImport:
    def test_tells_what_it_read_and_what_it_set_aside(self, imported, delivery):
        manifest = json.loads((delivery / "manifest.json").read_text())

        assert "Lignes écartées" in imported
        assert re.search(rf"écartées +│ {manifest['rejects']} ", imported)
        assert re.search(r"Remarques +│ [1-9]", imported)
        assert re.search(r"Structure ligne [0-9]+, structure_siret_actualise : Le SIRET actuel", imported)

    def test_lets_in_employers_of_whom_one_annex_is_bad(self, imported, http, delivery):
        manifest = json.loads((delivery / "manifest.json").read_text())
        unknown = {(each["asp_id"], each["kind"]) for each in manifest["unknown_keys"]}
        doubtful = [key for key in manifest["keys"] if (key["asp_id"], key["kind"]) in unknown and key["active"]]

        assert len(doubtful) > 3
        for key in doubtful:
            found = find(http, key["siret"])
            assert key["kind"] in {each["kind"] for each in found["joinable"]} | {
                each["structure"]["kind"] for each in found["taken"]
            }

    def test_says_which_run_it_is_and_shows_it_again(self, imported, stack):
        run_id = re.match(r"Import ([0-9a-f-]{36})\n", imported).group(1)

        shown = stack.emplois("import-state", run_id)

        assert shown.splitlines()[0] == f"Import {run_id} : appliqué"
        assert shown.partition("┌")[2] == imported.partition("┌")[2]

    def test_done_again_changes_nothing(self, stack, tmp_path):
        stack.emplois("generate-delivery", str(tmp_path), *WORLD, "--no-traps")
        stack.emplois("import", str(tmp_path))

        again = stack.emplois("import", "--dry-run", str(tmp_path))

        counts = [line for line in again.splitlines() if line.startswith("│") and "lues" not in line]
        assert len(counts) > 5
        assert all(line.rstrip(" │").endswith(" 0") for line in counts), again

    def test_of_too_many_bad_rows_is_refused_once_something_was_applied(self, stack, tmp_path):
        stack.emplois("generate-delivery", str(tmp_path), *WORLD)

        with pytest.raises(CommandFailed, match="plus de 1 %"):
            stack.emplois("import", "--dry-run", str(tmp_path))

    def test_of_a_delivery_of_the_future_is_refused(self, stack, tmp_path):
        later = (date.today() + timedelta(days=3)).isoformat()
        stack.emplois("generate-delivery", str(tmp_path), *WORLD, "--no-traps", "--date", later)

        with pytest.raises(CommandFailed, match="dans l'avenir : nous sommes le"):
            stack.emplois("import", str(tmp_path))

    def test_of_an_older_delivery_is_refused(self, stack, tmp_path):
        stack.emplois("generate-delivery", str(tmp_path), *WORLD, "--no-traps", "--date", "2026-01-05")

        with pytest.raises(CommandFailed, match="plus ancienne"):
            stack.emplois("import", "--dry-run", str(tmp_path))

    @pytest.mark.parametrize(("envelope", "words"), [("truncated", "FIN"), ("latin-1", "UTF-8")])
    def test_refuses_a_bad_file_whole(self, stack, tmp_path, envelope, words):
        stack.emplois("generate-delivery", str(tmp_path), *WORLD, "--envelope", envelope)

        with pytest.raises(CommandFailed, match=words):
            stack.emplois("import", str(tmp_path))


class TestAnOutage:
    def test_of_a_service_is_told_and_heals(self, stack, http):
        stack.kill("organizations")
        answer = http.get("/api/structures", params={"company_number": "005 520 101"})
        assert answer.status_code in (503, 504), answer.text
        assert answer.headers["content-type"] == "application/problem+json"

        stack.start("organizations")

        assert find(http, "005520101") == {"joinable": [], "taken": []}

    def test_shows_in_the_health_page(self, stack):
        health = httpx.get(f"{stack.health_url('gateway')}/healthz")

        assert health.status_code == 200
        assert health.headers["content-type"].startswith("application/health+json")
        assert health.json()["status"] == "pass"
