"""Tables of accounts. Of passwords, sessions and links only hashes rest here."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.tables import NAMING, Instant
from contracts.vocabulary import AccountKind, JoinState

_KINDS = ", ".join(f"'{kind}'" for kind in AccountKind)
_JOIN_STATES = ", ".join(f"'{state}'" for state in JoinState)


class Base(DeclarativeBase):
    """Tables of accounts."""

    metadata = sa.MetaData(naming_convention=NAMING)


class Account(Base):
    """A person who may log in; pending until the address is confirmed."""

    __tablename__ = "accounts"
    __table_args__ = (
        sa.UniqueConstraint("email_key"),
        sa.UniqueConstraint("invitation_id"),
        sa.CheckConstraint(f"kind IN ({_KINDS})", name="kind"),
        sa.CheckConstraint("(email_confirmed_at IS NULL) = (pending_until IS NOT NULL)", name="pending"),
        sa.CheckConstraint(f"join_state IN ({_JOIN_STATES})", name="join_state"),
        sa.CheckConstraint("num_nulls(join_state, join_organization_id, join_magic_link_id) IN (0, 3)", name="join"),
        sa.CheckConstraint("(join_refusal IS NOT NULL) = (coalesce(join_state, '') = 'refused')", name="join_refusal"),
        sa.CheckConstraint("num_nulls(last_mail_at, mails_counted_since) IN (0, 2)", name="mails"),
        sa.Index("ix_accounts_pending_until", "pending_until", postgresql_where="pending_until IS NOT NULL"),
        sa.Index("ix_accounts_remembered_join", "email_confirmed_at", postgresql_where=f"join_state = '{JoinState.REMEMBERED}'"),
    )

    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[AccountKind] = mapped_column(sa.Text)
    email: Mapped[str] = mapped_column(sa.Text)  # As typed: what is shown and written to.
    email_key: Mapped[str] = mapped_column(sa.Text)  # `contracts.addresses.email_key`: what is unique.
    first_name: Mapped[str] = mapped_column(sa.Text)
    last_name: Mapped[str] = mapped_column(sa.Text)
    password_hash: Mapped[str] = mapped_column(sa.Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    terms_accepted_at: Mapped[datetime | None] = mapped_column(Instant)
    email_confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    pending_until: Mapped[datetime | None] = mapped_column(Instant)  # Until then its link is good.
    deactivated_at: Mapped[datetime | None] = mapped_column(Instant)
    invitation_id: Mapped[UUID | None]  # The invitation that made this account.
    confirmation_issue: Mapped[int]  # Of the one confirmation that still counts; former ones are replaced.
    join_state: Mapped[JoinState | None] = mapped_column(sa.Text)
    join_organization_id: Mapped[UUID | None]
    join_magic_link_id: Mapped[UUID | None]
    join_refusal: Mapped[str | None] = mapped_column(sa.Text)
    last_mail_at: Mapped[datetime | None] = mapped_column(Instant)  # Of those that anybody may cause by typing the address.
    mail_count: Mapped[int]
    mails_counted_since: Mapped[datetime | None] = mapped_column(Instant)


class EmailConfirmation(Base):
    """One mailed link that proves an address. Rows stay: a link that was once good answers otherwise than a guessed one."""

    __tablename__ = "email_confirmations"
    __table_args__ = (sa.UniqueConstraint("token_hash"), sa.UniqueConstraint("account_id", "issue"))

    confirmation_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("accounts.account_id", ondelete="CASCADE"))
    email: Mapped[str] = mapped_column(sa.Text)
    issue: Mapped[int]
    token_hash: Mapped[bytes]
    requested_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)


class Session(Base):
    """One log-in, from one browser or program."""

    __tablename__ = "sessions"
    __table_args__ = (
        sa.UniqueConstraint("token_hash"),
        sa.Index("ix_sessions_account_id", "account_id"),
        sa.Index("ix_sessions_expires_at", "expires_at"),
    )

    session_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(sa.ForeignKey("accounts.account_id", ondelete="CASCADE"))
    token_hash: Mapped[bytes]
    authenticated_at: Mapped[datetime] = mapped_column(Instant)
    last_seen_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)  # Whatever happens; idleness may end it sooner.
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
