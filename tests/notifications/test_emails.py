"""Every mail as people read it, compared with its approved copy.

After a change of wording: APPROVE=1 pytest tests/notifications/test_emails.py, then read the difference.
"""

import os
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from uuid import UUID

import pytest
from jinja2 import UndefinedError

from services.notifications import emails
from services.notifications.emails import Letter, Site

APPROVED = Path(__file__).parent / "approved"
SITE = Site("Les emplois de l'inclusion", "https://emplois.example", "noreply@emplois.example")
MAIL_ID = UUID("00000000-0000-4000-8000-00000000000a")
NOW = datetime(2026, 11, 24, 13, 5, tzinfo=UTC)
LINK = {"url": "https://emplois.example/lien#jeton-fictif", "expires_at": datetime(2026, 12, 8, 13, 5, tzinfo=UTC)}
VARIABLES = {
    "magic_link": {
        "structure_name": "Les Jardins d'Aurore",
        "siret": "12345678900012",
        "kind": "ACI",
        "email": "contact@jardins.example",
        **LINK,
    },
    "email_confirmation": {"email": None, **LINK},
    "known_address": {"log_in_url": "https://emplois.example/connexion"},
    "invitation": {
        "first_name": "Amélie",
        "last_name": "Dupré",
        "organization_name": "Les Jardins d'Aurore",
        "sender_name": "Bruno LEFÈVRE",
        "sender_email": "bruno@jardins.example",
        **LINK,
    },
    "accepted_invitation": {
        "organization_name": "Les Jardins d'Aurore",
        "member_name": "Amélie DUPRÉ",
        "member_email": "amelie@jardins.example",
    },
}
LONG = "Association " + "très " * 40 + "longue"


def invitation(**changes):
    return emails.write_letter("invitation", {**VARIABLES["invitation"], **changes}, SITE)


def envelope(letter=None, recipient="amelie@jardins.example", site=SITE):
    letter = letter or Letter("Sujet", "Texte\n", "<p>Texte</p>")
    return emails.address_mail(letter, recipient=recipient, mail_id=MAIL_ID, site=site, now=NOW)


def read_back(mail):
    """The mail as its recipient's software reads it."""
    return message_from_bytes(mail.as_bytes(), policy=default)


class TestWriteLetter:
    @pytest.mark.parametrize("template", sorted(VARIABLES))
    @pytest.mark.parametrize("paper", ["txt", "html"])
    def test_says_what_was_approved(self, template, paper):
        letter = emails.write_letter(template, VARIABLES[template], SITE)
        written = letter.html if paper == "html" else f"{letter.subject}\n\n{letter.text}"
        copy = APPROVED / f"{template}.{paper}"
        if os.environ.get("APPROVE"):
            copy.write_text(written, encoding="utf-8")
        assert written == copy.read_text(encoding="utf-8")

    def test_has_an_approved_copy_of_every_mail(self):
        templates = {path.stem for path in (Path(emails.__file__).parent / "templates").glob("*.jinja")}
        assert templates == set(VARIABLES) == {path.stem for path in APPROVED.iterdir()}

    @pytest.mark.parametrize("template", sorted(VARIABLES))
    def test_shows_the_link_and_the_site_in_both_parts(self, template):
        letter = emails.write_letter(template, VARIABLES[template], SITE)
        url = VARIABLES[template].get("url", SITE.public_url)
        for part in (letter.text, letter.html):
            assert url in part
            assert SITE.public_url in part

    def test_refuses_to_write_without_a_variable(self):
        with pytest.raises(UndefinedError):
            emails.write_letter("invitation", {}, SITE)

    def test_marks_what_is_not_production(self):
        site = Site(SITE.name, SITE.public_url, SITE.mail_from, "DEMO")
        assert emails.write_letter("email_confirmation", VARIABLES["email_confirmation"], site).subject.startswith("[DEMO] ")

    def test_cuts_a_long_organization_name(self):
        subject = invitation(organization_name=LONG).subject
        cut = subject.partition("rejoindre ")[2].partition(" sur ")[0]
        assert len(cut) <= emails.LONGEST_ORGANIZATION_NAME
        assert cut.endswith("…")

    def test_cuts_a_long_subject(self):
        subject = invitation(sender_name="N" * 400).subject
        assert len(subject) == emails.LONGEST_SUBJECT
        assert subject.endswith("…")

    @pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\x00"])
    def test_keeps_the_subject_on_one_line(self, end):
        letter = invitation(organization_name=f"Aurore{end}Bcc: tiers@ailleurs.example")
        assert "Aurore Bcc: tiers@ailleurs.example" in letter.subject
        mail = read_back(envelope(letter))
        assert mail["Bcc"] is None
        assert str(mail["Subject"]) == letter.subject

    def test_leaves_an_encoded_line_end_as_it_is(self):
        letter = invitation(organization_name="Aurore%0aBcc: tiers@ailleurs.example")
        assert "%0aBcc" in letter.subject
        assert read_back(envelope(letter))["Bcc"] is None

    def test_escapes_markup_in_html_only(self):
        letter = invitation(sender_name="<script>alert(1)</script> & fils")
        assert "<script>" not in letter.html
        assert "&lt;script&gt;" in letter.html
        assert "<script>alert(1)</script> & fils" in letter.text

    def test_takes_a_variable_for_text_never_for_a_template(self):
        assert "{{ 7 * 7 }}" in invitation(sender_name="{{ 7 * 7 }}").text

    def test_collapses_blank_lines(self):
        for template, variables in VARIABLES.items():
            assert "\n\n\n" not in emails.write_letter(template, variables, SITE).text

    def test_loads_nothing_from_elsewhere(self):
        for template, variables in VARIABLES.items():
            html = emails.write_letter(template, variables, SITE).html
            assert not any(word in html for word in ("<img", "<link", "<script", "src=", "url("))


class TestAddressMail:
    def test_has_one_recipient_and_our_address(self):
        mail = read_back(envelope())
        assert mail["To"] == "amelie@jardins.example"
        assert mail["From"] == "Les emplois de l'inclusion <noreply@emplois.example>"
        assert mail["Cc"] is mail["Bcc"] is None

    def test_bears_the_same_message_id_each_time(self):
        assert envelope()["Message-ID"] == envelope()["Message-ID"] == f"<{MAIL_ID}@emplois.example>"

    def test_says_that_no_person_wrote_it(self):
        assert envelope()["Auto-Submitted"] == "auto-generated"

    def test_has_text_first_then_html(self):
        parts = [part.get_content_type() for part in read_back(envelope()).iter_parts()]
        assert parts == ["text/plain", "text/html"]

    def test_carries_accents_through_seven_bits(self):
        letter = invitation()
        mail = envelope(letter)
        assert mail.as_bytes().isascii()
        assert read_back(mail).get_body(("plain",)).get_content().replace("\r\n", "\n") == letter.text

    @pytest.mark.parametrize(
        "recipient",
        [
            "amelie@jardins.example\r\nBcc: tiers@ailleurs.example",
            "amelie@jardins.example\nBcc: tiers@ailleurs.example",
            "amelie@jardins.example, tiers@ailleurs.example",
            "amelie@jardins.example>, <tiers@ailleurs.example",
        ],
    )
    def test_refuses_or_encodes_a_second_recipient(self, recipient):
        try:
            mail = envelope(recipient=recipient)
        except ValueError:
            return
        assert len(read_back(mail)["To"].addresses) <= 1
        assert read_back(mail)["Bcc"] is None

    @pytest.mark.parametrize(
        ("domain", "on_the_wire"),
        [
            ("bücher.example", "xn--bcher-kva.example"),
            ("faß.example", "xn--fa-hia.example"),
            ("βόλος.example", "xn--nxasmm1c.example"),
        ],
    )
    def test_writes_an_international_domain_in_ascii_and_no_other_s(self, domain, on_the_wire):
        """IDNA 2003 would write to « fass.example », which somebody else may own."""
        assert envelope(recipient=f"amelie@{domain}")["To"].addresses[0].addr_spec == f"amelie@{on_the_wire}"

    def test_names_the_sender_as_set(self):
        site = Site(SITE.name, SITE.public_url, "Plateforme <noreply@emplois.example>")
        assert envelope(site=site)["From"] == "Plateforme <noreply@emplois.example>"


class TestTypeset:
    def test_breaks_no_line_before_a_colon_or_inside_quotes(self):
        assert emails.typeset("Lien : « ici » !") == "Lien\xa0: «\xa0ici\xa0»\xa0!"

    def test_leaves_a_link_alone(self):
        assert emails.typeset("https://emplois.example/a?b=c;d!") == "https://emplois.example/a?b=c;d!"
