"""Who may ask organizations for what. Which process may call is declared with each method, and checked before."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.subject import Subject
from contracts import organizations as contract
from contracts.errors import Forbidden, Unauthenticated
from contracts.method import Method
from contracts.organizations import OrganizationNotFound
from contracts.vocabulary import Role, SubjectKind
from services.organizations import queries


@dataclass(frozen=True)
class Asking:
    """Who asks, what they are in the organization that it is about, and the account that it is about."""

    subject: Subject
    role: Role | None = None
    account_id: UUID | None = None


def anyone(asking: Asking) -> bool:
    return True


def a_person(asking: Asking) -> bool:
    return asking.subject.account_id is not None


def a_member(asking: Asking) -> bool:
    return asking.role is not None or asking.subject.is_staff


def a_member_or_invitations(asking: Asking) -> bool:
    return a_member(asking) or asking.subject.is_service("invitations")


def a_service(issuer: str) -> Callable[[Asking], bool]:
    return lambda asking: asking.subject.is_service(issuer)


def who_joins_or(issuer: str) -> Callable[[Asking], bool]:
    return lambda asking: a_service(issuer)(asking) or is_the_employer_who_joins(asking)


def is_the_employer_who_joins(asking: Asking) -> bool:
    return asking.subject.kind == SubjectKind.EMPLOYER and asking.subject.account_id == asking.account_id


FOR_ITS_PEOPLE = {a_member, a_member_or_invitations}  # Others are not to learn whether the organization exists.

MAY: dict[Method, Callable[[Asking], bool]] = {
    contract.find_structures: anyone,
    contract.request_magic_link: anyone,
    contract.get_magic_link: anyone,  # The token is the right.
    contract.claim_structure: who_joins_or("accounts"),
    contract.get_standing: a_member_or_invitations,  # Who is invited is no member yet: invitations asks in its own name.
    contract.admit_member: who_joins_or("invitations"),
    contract.list_members: a_member,
    contract.list_my_organizations: a_person,
    contract.load_towns: a_service("operator"),
    contract.load_appellations: a_service("operator"),
    contract.receive_delivery_batch: a_service("sync"),
    contract.plan_delivery: a_service("sync"),
    contract.apply_delivery: a_service("sync"),
    contract.get_delivery: a_service("sync"),
    contract.get_mail_link: a_service("notifications"),
    contract.list_parked: a_service("operator"),
    contract.replay_parked: a_service("operator"),
    contract.discard_parked: a_service("operator"),
}


def check_may(
    session: Session,
    subject: Subject,
    method: Method,
    organization_id: UUID | None = None,
    account_id: UUID | None = None,
) -> None:
    """Refuse who may not. Another organization's id answers a person from outside exactly like one that does not exist."""
    role = _role(session, subject, organization_id)
    if MAY[method](Asking(subject, role, account_id)):
        return
    if subject.kind == SubjectKind.VISITOR:
        raise Unauthenticated()
    if subject.account_id and MAY[method] in FOR_ITS_PEOPLE:
        raise OrganizationNotFound()
    raise Forbidden()


def _role(session: Session, subject: Subject, organization_id: UUID | None) -> Role | None:
    if organization_id is None or subject.account_id is None:
        return None
    return queries.role(session, organization_id, subject.account_id)
