"""Facts that mails follow from, and what other services answer about them."""

from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID, uuid4

from chassis.testing.subjects import service
from contracts import accounts
from contracts.vocabulary import StructureKind
from services.notifications import actions

NOTIFICATIONS = service("notifications")
SENDER = UUID("00000000-0000-4000-8000-0000000000a1")
MEMBER = UUID("00000000-0000-4000-8000-0000000000a2")
EXPIRES_AT = datetime(2030, 12, 8, 13, 5, tzinfo=UTC)
URL = "https://emplois.example/lien#jeton-fictif"


def queue_invitation(bench, cause="message-1", **changes):
    fact = {
        "invitation_id": uuid4(),
        "issue": 1,
        "organization_id": uuid4(),
        "organization_name": "Les Jardins d'Aurore",
        "sender_account_id": SENDER,
        "first_name": "Amélie",
        "last_name": "Dupré",
        "expires_at": EXPIRES_AT,
    }
    bench.act(actions.queue_invitation, NOTIFICATIONS, cause=cause, **{**fact, **changes})


def queue_magic_link(bench, cause="message-1", **changes):
    fact = {
        "organization_id": uuid4(),
        "magic_link_id": uuid4(),
        "issue": 1,
        "structure_name": "Les Jardins d'Aurore",
        "siret": "12345678900012",
        "kind": StructureKind.ACI,
    }
    bench.act(actions.queue_magic_link, NOTIFICATIONS, cause=cause, **{**fact, **changes})


def queue_confirmation_link(bench, cause="message-1"):
    fact = {"account_id": MEMBER, "confirmation_id": uuid4(), "issue": 1}
    bench.act(actions.queue_confirmation_link, NOTIFICATIONS, cause=cause, **fact)


def queue_known_address(bench, cause="message-1"):
    bench.act(actions.queue_known_address, NOTIFICATIONS, cause=cause, account_id=MEMBER)


def queue_accepted_invitation(bench, cause="message-1"):
    fact = {"invitation_id": uuid4(), "organization_id": uuid4(), "organization_name": "Les Jardins d'Aurore"}
    people = {"account_id": MEMBER, "sender_account_id": SENDER}
    bench.act(actions.queue_accepted_invitation, NOTIFICATIONS, cause=cause, **fact, **people)


def claim(bench):
    return bench.act(actions.claim_due_mail, NOTIFICATIONS)


def conclude(bench, mail, outcome, *, jitter=0.0):
    fate = {"mail_id": mail.mail_id, "attempt_count": mail.attempt_count, "outcome": outcome, "jitter": jitter}
    bench.act(actions.conclude_mail, NOTIFICATIONS, **fate)


def only_mail(bench):
    (row,) = bench.rows("SELECT * FROM mails")
    return SimpleNamespace(**row._mapping)


def contact(account_id, first_name, last_name, *, is_open=True):
    return {
        "account_id": account_id,
        "email": f"{first_name.lower()}@jardins.example",
        "first_name": first_name,
        "last_name": last_name,
        "is_open": is_open,
    }


class Others:
    """The other services: what they answer, and what they were asked. An answer that is an error is raised."""

    def __init__(self):
        self.contacts = [contact(SENDER, "Bruno", "Lefevre"), contact(MEMBER, "Amelie", "Dupre")]
        self.link = {"url": URL, "email": "contact@jardins.example", "expires_at": EXPIRES_AT}
        self.asked = []

    def __call__(self, method, **request):
        self.asked.append((method.name, request))
        answer = self.contacts if method is accounts.get_contacts else self.link
        if isinstance(answer, Exception):
            raise answer
        return {"items": answer} if method is accounts.get_contacts else answer
