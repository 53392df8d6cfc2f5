"""One attempt at one mail: ask for the address and the link, write, hand over. What was asked is forgotten with the attempt."""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from chassis.wire import CallFailed
from contracts import accounts, invitations, organizations
from contracts.errors import Gone, NotFound, Refusal
from contracts.method import Method
from contracts.vocabulary import LinkPurpose
from services.notifications.domain import ClaimedMail, Outcome
from services.notifications.emails import Site, address_mail, write_letter
from services.notifications.smtp import Line

LINK_OWNERS = {
    LinkPurpose.MAGIC_LINK: organizations.get_mail_link,
    LinkPurpose.EMAIL_CONFIRMATION: accounts.get_mail_link,
    LinkPurpose.INVITATION: invitations.get_mail_link,
}
# The people that a template names, each by the variable that holds their account: `sender` gives sender_name and sender_email.
PEOPLE = {
    "invitation": {"sender": "sender_account_id"},
    "accepted_invitation": {"member": "member_account_id"},
}


class Call(Protocol):
    """How other services are asked."""

    def __call__(self, method: Method, **request: Any) -> Any: ...


class MailIsVoid(Exception):
    """Nobody is to get this mail any more; the text says why."""


def attempt_mail(mail: ClaimedMail, *, call: Call, line: Line, site: Site) -> Outcome:
    """Send one mail if it is still to be sent; the outcome says how that ended."""
    try:
        link = _ask_link(mail, call)
        contacts = _ask_contacts(mail, call)
        recipient = _recipient(mail, link, contacts)
        facts = {**mail.variables, **_people(mail, contacts), **link, "log_in_url": f"{site.public_url}/connexion"}
    except (NotFound, Gone) as refusal:
        return Outcome("drop", type(refusal).__name__)
    except MailIsVoid as void:
        return Outcome("drop", str(void))
    except (Refusal, CallFailed) as error:
        return Outcome("put_off", type(error).__name__)
    letter = write_letter(mail.template, facts, site)
    return line.send(address_mail(letter, recipient=recipient, mail_id=mail.mail_id, site=site, now=mail.claimed_at))


def _ask_link(mail: ClaimedMail, call: Call) -> dict[str, Any]:
    """The link's address, expiry and, where there is no account, the recipient's address: nothing for a mail without a link."""
    if mail.link is None:
        return {}
    method, link = LINK_OWNERS[mail.link.purpose], mail.link
    return call(method, purpose=link.purpose, row_id=link.row_id, issue=link.issue)  # type: ignore[no-any-return]


def _ask_contacts(mail: ClaimedMail, call: Call) -> dict[UUID, Mapping[str, Any]]:
    """Everybody whose address or name this mail needs, by account."""
    named = (UUID(mail.variables[variable]) for variable in PEOPLE.get(mail.template, {}).values())
    account_ids = {*named, *({mail.recipient_account_id} - {None})}
    if not account_ids:
        return {}
    answer = call(accounts.get_contacts, account_ids=sorted(account_ids))  # type: ignore[type-var]
    return {contact["account_id"]: contact for contact in answer["items"]}


def _recipient(mail: ClaimedMail, link: Mapping[str, Any], contacts: Mapping[UUID, Mapping[str, Any]]) -> str:
    if mail.recipient_account_id is None:
        if not link.get("email"):
            raise MailIsVoid("its link has no address")
        return str(link["email"])
    contact = contacts.get(mail.recipient_account_id)
    if contact is None or not contact["is_open"]:
        raise MailIsVoid("its recipient has no open account")
    return str(contact["email"])


def _people(mail: ClaimedMail, contacts: Mapping[UUID, Mapping[str, Any]]) -> dict[str, str]:
    """Names and addresses of those whom the mail names."""
    facts = {}
    for role, variable in PEOPLE.get(mail.template, {}).items():
        contact = contacts.get(UUID(mail.variables[variable]))
        if contact is None:
            raise MailIsVoid("somebody whom it names has no account any more")
        facts[f"{role}_name"] = f"{contact['first_name']} {contact['last_name'].upper()}"
        facts[f"{role}_email"] = contact["email"]
    return facts
