"""Who acts for a structure, and the links that let the first one in."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.orm import Mapped, mapped_column

from chassis.tables import Instant
from contracts.vocabulary import Role
from services.organizations.models.columns import Base, check_code, code


class Membership(Base):
    """A person's acting for a structure. It ends softly; coming back is a new row."""

    __tablename__ = "memberships"
    __table_args__ = (
        check_code("role", Role),
        sa.CheckConstraint("ended_at >= joined_at", name="ended"),
        sa.UniqueConstraint("invitation_id"),
        sa.Index(
            "uq_memberships_active_organization_id_account_id",
            "organization_id",
            "account_id",
            unique=True,
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        sa.Index("ix_memberships_organization_id", "organization_id", "joined_at", "membership_id"),
        sa.Index("ix_memberships_account_id", "account_id"),
    )

    membership_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organizations.organization_id"))
    account_id: Mapped[UUID]
    role: Mapped[Role] = mapped_column(code(Role))
    invitation_id: Mapped[UUID | None]
    joined_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)


class MagicLink(Base):
    """One mailing of the link by which a structure's first member signs up. Former ones stay: their holders are told why."""

    __tablename__ = "magic_links"
    __table_args__ = (sa.UniqueConstraint("token_hash"), sa.UniqueConstraint("organization_id", "issue"))

    magic_link_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(sa.ForeignKey("organizations.organization_id"))
    issue: Mapped[int]  # Counts a structure's links; each opens until it expires or is closed, whatever came after it.
    token_hash: Mapped[bytes] = mapped_column(BYTEA)
    created_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)  # Since somebody joined, by this link or otherwise.
