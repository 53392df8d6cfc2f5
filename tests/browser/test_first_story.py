"""The first story in a browser: the pages that the mails lead to, by mouse, by keyboard, and without JavaScript."""

import pytest

from tests.browser.legibility import faint_focuses, faint_texts
from tests.world import PASSWORD, link_in

pytestmark = pytest.mark.usefixtures("imported")


def ask_to_join(page, structure):
    page.goto("/inscription")
    page.get_by_label("Numéro SIREN ou SIRET").fill(structure["siret"][:9])
    page.get_by_role("button", name="Rechercher").click()
    page.get_by_role("button", name="Recevoir le lien d'inscription").click()


def sign_up(page, email, password=PASSWORD):
    page.get_by_label("Votre adresse e-mail professionnelle").fill(email)
    page.get_by_label("Prénom").fill("Alice")
    page.get_by_label("Nom", exact=True).fill("Martin")
    page.get_by_label("Mot de passe").fill(password)
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Créer mon compte").click()


def log_in(page, email, password=PASSWORD):
    page.get_by_label("Adresse e-mail").fill(email)
    page.get_by_label("Mot de passe").fill(password)
    page.get_by_role("button", name="Me connecter").click()


def become_administrator(page, mailbox, structure, email):
    """From the search to « Mes organisations »."""
    ask_to_join(page, structure)
    page.goto(link_in(mailbox.wait_for(structure["auth_email"]), "rejoindre"))
    sign_up(page, email)
    page.goto(link_in(mailbox.wait_for(email), "confirmer"))
    page.get_by_label("Mot de passe").fill(PASSWORD)
    page.get_by_role("button", name="Confirmer mon adresse").click()
    page.goto("/connexion")
    log_in(page, email)


def tab_to(page, wanted):
    """Press Tab until this has the focus, as who has no mouse does."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {wanted}")


class TestTheFirstStory:
    def test_leads_from_a_search_to_two_members(self, page, mailbox, structure, chromium, stack):
        alice, bob = f"alice.{structure['siret']}@emplois.example", f"bob.{structure['siret']}@emplois.example"
        become_administrator(page, mailbox, structure, alice)
        assert page.get_by_text("Administrateur").count()

        page.get_by_role("link", name="Gérer vos collaborateurs").click()
        page.get_by_label("Prénom").fill("Bob")
        page.get_by_label("Nom", exact=True).fill("Durand")
        page.get_by_label("Adresse e-mail").fill(bob)
        page.get_by_role("button", name="Envoyer l'invitation").click()
        assert page.get_by_role("cell", name=bob).count() == 1
        page.get_by_role("button", name="Me déconnecter").click()

        page.goto(link_in(mailbox.wait_for(bob), "invitation"))
        page.get_by_label("Mot de passe").fill(PASSWORD)
        page.get_by_role("checkbox").check()
        page.get_by_role("button", name="Créer mon compte et rejoindre").click()
        page.goto("/tableau-de-bord")
        page.get_by_role("link", name="Gérer vos collaborateurs").click()

        members = page.get_by_role("table").first
        assert members.get_by_role("cell", name=alice).count() == 1
        assert members.get_by_role("cell", name=bob).count() == 1
        assert all(address.startswith(stack.gateway_url) for address in page.asked)
        assert page.said == []

    def test_works_without_javascript(self, page_without_scripts, mailbox, structure):
        page = page_without_scripts

        become_administrator(page, mailbox, structure, f"sans.script.{structure['siret']}@emplois.example")

        assert page.get_by_role("heading", level=1).inner_text() == "Mes organisations"

    def test_works_by_keyboard_alone(self, page, structure):
        page.goto("/inscription")

        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Aller au contenu"
        tab_to(page, page.get_by_label("Numéro SIREN ou SIRET"))
        page.keyboard.type(structure["siret"][:9])
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Structures que vous pouvez rejoindre").wait_for()
        tab_to(page, page.get_by_role("button", name="Recevoir le lien d'inscription"))
        page.keyboard.press("Enter")

        page.get_by_role("heading", name="Lien d'inscription envoyé").wait_for()


class TestMistakes:
    def test_in_a_form_are_told_beside_their_field_and_nothing_typed_is_lost(self, page, mailbox, structure):
        ask_to_join(page, structure)
        page.goto(link_in(mailbox.wait_for(structure["auth_email"]), "rejoindre"))

        sign_up(page, f"faible.{structure['siret']}@emplois.example", password="azertyuiop123456")

        field = page.get_by_label("Mot de passe")
        assert field.get_attribute("aria-invalid") == "true"
        described = [page.locator(f"#{each}").inner_text() for each in field.get_attribute("aria-describedby").split()]
        assert any("facile à deviner" in text for text in described)
        assert page.get_by_label("Prénom").input_value() == "Alice"
        assert page.title().startswith("Erreur")
        assert faint_texts(page) == [] and faint_focuses(page) == []

    def test_in_a_form_have_the_focus_at_once(self, page_without_scripts, mailbox, structure):
        page = page_without_scripts
        become_administrator(page, mailbox, structure, f"focus.{structure['siret']}@emplois.example")
        page.get_by_role("link", name="Gérer vos collaborateurs").click()
        page.get_by_label("Adresse e-mail").fill("personne@emplois.example")
        page.get_by_role("button", name="Envoyer l'invitation").click()

        assert page.locator("#first_name:focus").count() == 1
        page.get_by_role("alert").get_by_role("link", name="Nom", exact=True).click()
        assert page.locator("#last_name:target").count() == 1

    def test_in_a_number_are_told_in_french(self, page):
        page.goto("/inscription?company_number=123")

        assert page.get_by_text("Saisissez un numéro SIREN").count() == 1

    def test_in_a_link_lead_to_a_page_that_says_what_to_do(self, page):
        for path in ("/rejoindre/inconnu", "/confirmer/inconnu", "/invitation/inconnu"):
            answer = page.goto(path)
            assert answer.status == 404
            assert page.get_by_text("n'est pas reconnu").count() == 1

    def test_in_log_in_say_the_same_for_known_and_unknown(self, page):
        page.goto("/connexion")

        log_in(page, "personne@emplois.example")

        assert page.get_by_text("Adresse e-mail ou mot de passe incorrect").count() == 1


class TestLegibility:
    @pytest.mark.parametrize("path", ["/", "/connexion", "/etat", "/inscription?company_number=123", "/nulle-part"])
    def test_every_text_and_the_focus_stand_out(self, page, path):
        page.goto(path)

        assert faint_texts(page) == []
        assert faint_focuses(page) == []

    def test_a_faint_text_and_a_faint_focus_are_found(self, page):
        """The measure itself: Bootstrap's red on our grey, and the focus as it was on the header."""
        page.goto("/connexion")
        page.locator("h1").evaluate("element => { element.style.color = '#dc3545' }")
        page.locator(".site-header").evaluate("element => { element.style.setProperty('--focus', '#0b4ea2') }")

        assert [text for text, _ in faint_texts(page)] == ["Connexion"]
        assert "Inscription employeur" in [text for text, _ in faint_focuses(page)]
