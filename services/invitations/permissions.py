"""Who may ask invitations for what. Where somebody stands in an organization is a fact of organizations, asked beforehand."""

from collections.abc import Callable, Mapping
from typing import Any

from chassis.subject import Subject
from contracts import invitations as contract
from contracts.errors import Forbidden, Unauthenticated
from contracts.method import Method
from contracts.organizations import OrganizationNotFound
from contracts.vocabulary import SubjectKind

Standing = Mapping[str, Any]  # What `organizations.get_standing` answers; empty where no organization is asked about.


def anyone(subject: Subject, standing: Standing) -> bool:
    """Whoever holds the link: its token is the permission."""
    return True


def has_account(subject: Subject, standing: Standing) -> bool:
    return subject.account_id is not None


def is_member(subject: Subject, standing: Standing) -> bool:
    return has_account(subject, standing) and standing.get("role") is not None


def is_member_or_staff(subject: Subject, standing: Standing) -> bool:
    return is_member(subject, standing) or subject.is_staff


def is_outside(subject: Subject, standing: Standing) -> bool:
    """A person who is not to learn whether the organization exists."""
    return has_account(subject, standing) and standing.get("role") is None and not subject.is_staff


def is_notifications(subject: Subject, standing: Standing) -> bool:
    return subject.is_service("notifications")


def is_operator(subject: Subject, standing: Standing) -> bool:
    return subject.is_service("operator")


MAY: dict[Method, Callable[[Subject, Standing], bool]] = {
    contract.invite: is_member,
    contract.list_invitations: is_member_or_staff,
    contract.get_invitation: anyone,
    contract.check_acceptance: anyone,
    contract.accept_invitation: has_account,
    contract.get_mail_link: is_notifications,
    contract.list_parked: is_operator,
    contract.replay_parked: is_operator,
    contract.discard_parked: is_operator,
}


def check_may(subject: Subject, method: Method, standing: Standing | None = None) -> None:
    """Refuse who may not; an organization of others is answered like one that does not exist."""
    if MAY[method](subject, standing or {}):
        return
    if subject.kind == SubjectKind.VISITOR:
        raise Unauthenticated()
    if standing and is_outside(subject, standing):
        raise OrganizationNotFound()
    raise Forbidden()
