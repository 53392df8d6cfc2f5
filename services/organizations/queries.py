"""What organizations reads, named by what it returns."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from contracts.vocabulary import SIAE_KINDS, DeliveryState, OrganizationSource, Role
from services.organizations.models import (
    Convention,
    Delivery,
    DeliveryBatch,
    MagicLink,
    Membership,
    Organization,
)

_PRESENT = Membership.ended_at.is_(None)
_JOINING = (Membership.joined_at, Membership.membership_id)
_ADMINISTRATORS_FIRST = ((Membership.role == Role.ADMINISTRATOR).desc(), *_JOINING)
# The same rule as `domain.status`, for lists.
_ACTIVE = sa.or_(
    Organization.kind.not_in(sorted(SIAE_KINDS)),
    Organization.source == OrganizationSource.STAFF_CREATED,
    sa.exists().where(Convention.convention_id == Organization.convention_id, Convention.is_active),
)


def organization(session: Session, organization_id: UUID) -> Organization | None:
    """One structure with its convention."""
    return session.get(Organization, organization_id, populate_existing=True)


def lock_organization(session: Session, organization_id: UUID) -> Organization | None:
    """One structure, held until the end of the transaction: its members change one at a time."""
    chosen = sa.select(Organization).where(Organization.organization_id == organization_id)
    locked = chosen.with_for_update(of=Organization).execution_options(populate_existing=True)
    return session.scalar(locked)


def active_structures(session: Session, first: str, last: str, *, limit: int) -> Sequence[sa.Row[Organization, UUID | None]]:
    """Active structures within a range of SIRETs, each with its first administrator, else its oldest member, else None."""
    contact = (
        sa.select(Membership.account_id)
        .where(Membership.organization_id == Organization.organization_id, _PRESENT)
        .order_by(*_ADMINISTRATORS_FIRST)
        .limit(1)
        .scalar_subquery()
    )
    found = sa.select(Organization, contact.label("contact")).where(Organization.siret.between(first, last), _ACTIVE)
    return session.execute(found.order_by(Organization.siret, Organization.kind, Organization.public_id).limit(limit)).all()


def role(session: Session, organization_id: UUID, account_id: UUID) -> Role | None:
    """What a person may do for a structure; None for who is not, or no longer, a member."""
    return session.scalar(sa.select(Membership.role).where(_is_member(organization_id, account_id)))


def membership(session: Session, organization_id: UUID, account_id: UUID) -> Membership | None:
    """A person's present membership."""
    return session.scalar(sa.select(Membership).where(_is_member(organization_id, account_id)))


def membership_of_invitation(session: Session, invitation_id: UUID) -> Membership | None:
    """What an invitation led to, even if it has ended since."""
    return session.scalar(sa.select(Membership).where(Membership.invitation_id == invitation_id))


def has_members(session: Session, organization_id: UUID) -> bool:
    """Whether somebody acts for the structure now."""
    present = sa.exists().where(Membership.organization_id == organization_id, _PRESENT)
    return bool(session.scalar(sa.select(present)))


def members(session: Session, organization_id: UUID, *, after: UUID | None, limit: int) -> Sequence[Membership]:
    """Present members in the order of their joining, from after one of them."""
    present = sa.select(Membership).where(Membership.organization_id == organization_id, _PRESENT)
    if after is not None:
        last_seen = sa.select(Membership.joined_at, Membership.membership_id).where(Membership.membership_id == after)
        present = present.where(sa.tuple_(*_JOINING) > last_seen.scalar_subquery())
    return session.scalars(present.order_by(*_JOINING).limit(limit)).all()


def organizations_of(session: Session, account_id: UUID) -> Sequence[sa.Row[Organization, Role]]:
    """The structures that a person acts for, with the role in each."""
    mine = sa.select(Organization, Membership.role).join(Membership, Membership.organization_id == Organization.organization_id)
    return session.execute(mine.where(Membership.account_id == account_id, _PRESENT).order_by(*_JOINING)).all()


def magic_link(session: Session, magic_link_id: UUID) -> MagicLink | None:
    """One mailing of a magic link."""
    return session.get(MagicLink, magic_link_id, populate_existing=True)


def magic_link_with_hash(session: Session, token_hash: bytes) -> MagicLink | None:
    """The magic link that a token opens, or once opened."""
    return session.scalar(sa.select(MagicLink).where(MagicLink.token_hash == token_hash))


def latest_issue(session: Session, organization_id: UUID) -> int:
    """The number of the structure's newest magic link; 0 before the first."""
    newest = sa.select(sa.func.max(MagicLink.issue)).where(MagicLink.organization_id == organization_id)
    return session.scalar(newest) or 0


def delivery(session: Session, run_id: UUID) -> Delivery | None:
    """One delivery."""
    return session.get(Delivery, run_id)


def lock_delivery(session: Session, run_id: UUID) -> Delivery | None:
    """One delivery, held until the end of the transaction."""
    return session.get(Delivery, run_id, with_for_update=True, populate_existing=True)


def lock_delivery_to_apply(session: Session) -> Delivery | None:
    """The delivery that waits longest to be applied, held until the end of the transaction."""
    waiting = sa.select(Delivery).where(Delivery.state == DeliveryState.APPLYING).order_by(Delivery.opened_at)
    return session.scalar(waiting.limit(1).with_for_update(skip_locked=True))


def batch_count(session: Session, run_id: UUID) -> int:
    """How many batches of a delivery have arrived."""
    arrived = sa.select(sa.func.count()).select_from(DeliveryBatch).where(DeliveryBatch.run_id == run_id)
    return session.scalar(arrived) or 0


def live_digest(session: Session, today: date) -> str:
    """A digest of what a plan depends on: it changes with every structure and convention, and at midnight."""
    rows = sa.union_all(
        sa.select(sa.cast(Organization.organization_id, sa.Text).label("key"), Organization.version.label("version")),
        sa.select(sa.cast(Convention.convention_id, sa.Text), Convention.version),
    ).subquery()
    each: Any = sa.func.hashtextextended(sa.func.concat(rows.c.key, ":", rows.c.version), 0)
    total = session.scalar(sa.select(sa.func.sum(sa.cast(each, sa.Numeric))))
    return f"{today}:{total or 0}"


def _is_member(organization_id: UUID, account_id: UUID) -> sa.ColumnElement[bool]:
    return sa.and_(Membership.organization_id == organization_id, Membership.account_id == account_id, _PRESENT)
