"""Tables of invitations. Tokens are derived again when a mail leaves; only their hashes rest here."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.tables import NAMING, Instant
from contracts.vocabulary import AccountKind, InvitationState, Role


def _code(enum: type[StrEnum]) -> sa.Enum:
    """An enumeration kept as its codes; a check names those that are stored."""
    return sa.Enum(
        enum, native_enum=False, create_constraint=False, length=16, values_callable=lambda kind: [one.value for one in kind]
    )


class Base(DeclarativeBase):
    """Tables of invitations."""

    metadata = sa.MetaData(naming_convention=NAMING)


class Invitation(Base):
    """One person's invitation to one organization. That it expired is computed, never stored."""

    __tablename__ = "invitations"
    __table_args__ = (
        sa.Index(
            "uq_invitations_pending",
            "organization_id",
            "email_key",
            unique=True,
            postgresql_where=sa.text("state = 'pending'"),
        ),
        sa.Index("ix_invitations_organization_id_sent_at", "organization_id", "sent_at"),
        sa.Index("ix_invitations_accepting", "begun_at", postgresql_where=sa.text("state = 'accepting'")),
        sa.CheckConstraint(
            "state IN ('pending', 'accepting', 'accepted', 'cancelled', 'declined', 'replaced', 'refused')", name="state"
        ),
        sa.CheckConstraint("(account_id IS NOT NULL) = (state IN ('accepting', 'accepted', 'refused'))", name="account"),
        sa.CheckConstraint("(account_id IS NULL) = (begun_at IS NULL)", name="begun"),
        sa.CheckConstraint("(ended_at IS NULL) = (state IN ('pending', 'accepting'))", name="ended"),
        sa.CheckConstraint("(refusal IS NOT NULL) = (state = 'refused')", name="refusal"),
    )

    invitation_id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    organization_name: Mapped[str] = mapped_column(sa.Text)  # As it was called when the invitation was sent.
    account_kind: Mapped[AccountKind] = mapped_column(_code(AccountKind))  # Whom the organization takes as members.
    sender_account_id: Mapped[UUID]
    email: Mapped[str] = mapped_column(sa.Text)
    email_key: Mapped[str] = mapped_column(sa.Text)
    first_name: Mapped[str] = mapped_column(sa.Text)
    last_name: Mapped[str] = mapped_column(sa.Text)
    role: Mapped[Role] = mapped_column(_code(Role))
    issue: Mapped[int]  # The links of this issue are good, those of earlier ones are over.
    state: Mapped[InvitationState] = mapped_column(_code(InvitationState))
    sent_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    account_id: Mapped[UUID | None]  # Who accepts, or accepted.
    begun_at: Mapped[datetime | None] = mapped_column(Instant)  # When they said so.
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    refusal: Mapped[str | None] = mapped_column(sa.Text)  # The name of what organizations answered.


class InvitationLink(Base):
    """One link that was given out. It stays after its use, so that an old link is told from a guessed one."""

    __tablename__ = "invitation_links"
    __table_args__ = (sa.Index("ix_invitation_links_invitation_id", "invitation_id"),)

    token_hash: Mapped[bytes] = mapped_column(BYTEA, primary_key=True)
    invitation_id: Mapped[UUID] = mapped_column(sa.ForeignKey(Invitation.invitation_id))
    issue: Mapped[int]
