"""Answers that take two or three calls, and requests whose public words differ from the services' own."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from contracts import accounts, invitations, organizations
from contracts.method import Method
from gateway import identity
from gateway.asking import Asking

Composition = TypeVar("Composition", bound=Callable[..., Awaitable[Any]])

CHECK_MAILBOX = "Consultez votre messagerie : nous vous avons envoyé la suite par e-mail."


def composes(*methods: Method, repeats: bool = False) -> Callable[[Composition], Composition]:
    """Say which methods an answer is made of: documents and tests are computed from it.

    `repeats` says that the whole, asked again, answers again, though one of its results is a secret that nobody keeps.
    """

    def declare(composition: Composition) -> Composition:
        composition.methods, composition.repeats = methods, repeats  # type: ignore[attr-defined]
        return composition

    return declare


@composes(organizations.find_structures, accounts.get_contacts)
async def find_structures(ask: Asking, *, company_number: str) -> dict[str, Any]:
    """A company's structures; of those who hold the taken ones, no more than « Jean D. »."""
    found = await ask(organizations.find_structures, company_number=company_number)
    contacts = await _contacts(ask, [one["contact_account_id"] for one in found["taken"]])

    taken = [
        {"structure": one["structure"], "contact": _discreet_name(contacts.get(one["contact_account_id"]))}
        for one in found["taken"]
    ]
    return {"joinable": found["joinable"], "taken": taken}


@composes(accounts.sign_up_employer)
async def sign_up_employer(ask: Asking, *, token: str, **answers: Any) -> dict[str, Any]:
    """The same answer whether the address was known or not: what follows is in the mail."""
    received = await ask(accounts.sign_up_employer, magic_link_token=token, **answers)
    return {"email": received["email"], "next_step": CHECK_MAILBOX}


@composes()
async def get_session(ask: Asking) -> Any:
    """The session that the request itself proves."""
    return ask.session


@composes(organizations.list_members, accounts.get_contacts)
async def list_members(ask: Asking, *, organization_id: UUID, cursor: str | None = None) -> dict[str, Any]:
    """Members with their names and addresses, in two calls however many they are."""
    page = await ask(organizations.list_members, organization_id=organization_id, cursor=cursor)
    contacts = await _contacts(ask, [member["account_id"] for member in page["items"]])

    unknown = {"first_name": "", "last_name": "", "email": None}
    items = [{**unknown, **contacts.get(member["account_id"], {}), **member} for member in page["items"]]
    return {"items": items, "next_cursor": page["next_cursor"]}


@composes(invitations.check_acceptance, accounts.sign_up_invited, invitations.accept_invitation, repeats=True)
async def accept_invitation(ask: Asking, *, token: str, **answers: Any) -> dict[str, Any]:
    """Who is logged in joins; who is not gets an account first, for the address that the link proves.

    An invitation to what cannot be joined now stays as it is: whether it can is asked before anything begins.
    """
    opened: dict[str, Any] = {}
    admission = await ask(invitations.check_acceptance, token=token)
    if ask.session is None:
        opened = await ask(accounts.sign_up_invited, claim=admission["claim"], **answers)
        ask = ask.within(identity.session_from(opened["session"], opened["session_token"]))

    accepted = await ask(invitations.accept_invitation, token=token)

    return {"session": None, "session_token": None, **opened, **accepted}


async def _contacts(ask: Asking, account_ids: list[UUID | None]) -> dict[UUID | None, dict[str, Any]]:
    wanted = [account_id for account_id in account_ids if account_id is not None]
    if not wanted:
        return {}
    found = await ask(accounts.get_contacts, account_ids=wanted)
    return {contact["account_id"]: contact for contact in found["items"]}


def _discreet_name(contact: dict[str, Any] | None) -> str | None:
    if contact is None:
        return None
    return f"{contact['first_name']} {contact['last_name'][:1].upper()}."
