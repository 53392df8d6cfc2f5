"""One attempt at one mail: whom it asks, what it sends, how it ends."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from chassis.wire import BusIsDown, CallFailed, CallTimedOut
from contracts.errors import Forbidden
from contracts.links import LinkIsOver, LinkIsUnknown
from contracts.vocabulary import LinkPurpose
from services.notifications.domain import DELIVERED, ClaimedMail, MailLink, Outcome
from services.notifications.emails import Site
from services.notifications.sending import LINK_OWNERS, attempt_mail
from tests.notifications.builders import MEMBER, SENDER, URL, Others, contact

SITE = Site("Les emplois de l'inclusion", "https://emplois.example", "noreply@emplois.example")
STRUCTURE = {"structure_name": "Les Jardins d'Aurore", "siret": "12345678900012", "kind": "ACI"}
INVITEE = {"first_name": "Amélie", "last_name": "Dupré", "organization_name": "Les Jardins d'Aurore"}


class SilentLine:
    """Takes every mail."""

    def __init__(self):
        self.sent = []

    def send(self, mail):
        self.sent.append(mail)
        return DELIVERED


def claimed(template, variables, *, recipient=None, purpose=None):
    link = MailLink(purpose, uuid4(), 3) if purpose else None
    return ClaimedMail(uuid4(), template, variables, recipient, link, 1, datetime(2026, 12, 1, tzinfo=UTC))


def magic_link():
    return claimed("magic_link", STRUCTURE, purpose=LinkPurpose.MAGIC_LINK)


def email_confirmation():
    return claimed("email_confirmation", {}, recipient=MEMBER, purpose=LinkPurpose.EMAIL_CONFIRMATION)


def known_address():
    return claimed("known_address", {}, recipient=MEMBER)


def invitation():
    return claimed("invitation", {**INVITEE, "sender_account_id": str(SENDER)}, purpose=LinkPurpose.INVITATION)


def accepted_invitation():
    variables = {"organization_name": "Les Jardins d'Aurore", "member_account_id": str(MEMBER)}
    return claimed("accepted_invitation", variables, recipient=SENDER)


@pytest.fixture
def others():
    return Others()


@pytest.fixture
def line():
    return SilentLine()


@pytest.fixture
def attempt(others, line):
    return lambda mail: attempt_mail(mail, call=others, line=line, site=SITE)


class TestAttemptMail:
    @pytest.mark.parametrize(
        ("make", "recipient"),
        [
            (magic_link, "contact@jardins.example"),
            (invitation, "contact@jardins.example"),
            (email_confirmation, "amelie@jardins.example"),
            (known_address, "amelie@jardins.example"),
            (accepted_invitation, "bruno@jardins.example"),
        ],
    )
    def test_writes_to_the_link_s_address_or_else_to_the_account_s(self, attempt, line, make, recipient):
        assert attempt(make()) == DELIVERED
        assert [mail["To"] for mail in line.sent] == [recipient]

    @pytest.mark.parametrize("make", [magic_link, email_confirmation, invitation])
    def test_puts_the_owner_s_link_in_the_mail(self, attempt, line, make):
        attempt(make())
        assert URL in line.sent[0].get_body(("plain",)).get_content()

    def test_asks_the_owner_for_that_issue_of_the_link(self, attempt, others):
        mail = invitation()
        attempt(mail)
        request = {"purpose": LinkPurpose.INVITATION, "row_id": mail.link.row_id, "issue": 3}
        assert ("invitations.get_mail_link", request) in others.asked

    def test_knows_who_owns_each_purpose(self):
        assert set(LINK_OWNERS) == set(LinkPurpose)

    def test_names_the_sender_of_an_invitation(self, attempt, line):
        attempt(invitation())
        assert line.sent[0]["Subject"].startswith("Bruno LEFEVRE vous invite à rejoindre Les Jardins d'Aurore")

    def test_names_who_accepted(self, attempt, line):
        attempt(accepted_invitation())
        assert line.sent[0]["Subject"] == "Amelie DUPRE a accepté votre invitation"
        assert "amelie@jardins.example" in line.sent[0].get_body(("plain",)).get_content()

    def test_bears_the_mail_s_id(self, attempt, line):
        mail = known_address()
        attempt(mail)
        assert line.sent[0]["Message-ID"] == f"<{mail.mail_id}@emplois.example>"

    @pytest.mark.parametrize("refusal", [LinkIsOver(), LinkIsUnknown()])
    def test_drops_a_mail_whose_link_is_over(self, attempt, others, line, refusal):
        others.link = refusal
        assert attempt(invitation()) == Outcome("drop", type(refusal).__name__)
        assert not line.sent

    @pytest.mark.parametrize("contacts", [[], [contact(MEMBER, "Amelie", "Dupre", is_open=False)]])
    def test_drops_a_mail_whose_recipient_left(self, attempt, others, line, contacts):
        others.contacts = contacts
        assert attempt(known_address()).move == "drop"
        assert not line.sent

    def test_drops_a_mail_that_names_somebody_who_was_erased(self, attempt, others, line):
        others.contacts = [contact(SENDER, "Bruno", "Lefevre")]
        assert attempt(accepted_invitation()).move == "drop"
        assert not line.sent

    def test_drops_a_mail_that_has_no_address(self, attempt, others, line):
        others.link = {**others.link, "email": None}
        assert attempt(magic_link()).move == "drop"

    @pytest.mark.parametrize("error", [BusIsDown(), CallTimedOut(), CallFailed("r1"), Forbidden()])
    @pytest.mark.parametrize("asked", ["link", "contacts"])
    def test_puts_off_when_another_service_cannot_answer(self, attempt, others, line, error, asked):
        setattr(others, asked, error)
        assert attempt(invitation()) == Outcome("put_off", type(error).__name__)
        assert not line.sent

    def test_asks_no_more_than_it_needs(self, attempt, others):
        attempt(known_address())
        attempt(magic_link())
        assert [name for name, _ in others.asked] == ["accounts.get_contacts", "organizations.get_mail_link"]
        assert others.asked[0][1] == {"account_ids": [UUID(str(MEMBER))]}
