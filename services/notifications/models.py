"""The table of mails. No address, link or rendered text is ever stored."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.tables import NAMING, Instant
from contracts.vocabulary import LinkPurpose, MailState

_STATES = ", ".join(f"'{state}'" for state in MailState)


class Code(sa.TypeDecorator[StrEnum]):
    """A value of an enumeration, kept as its code."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, enum: type[StrEnum]) -> None:
        super().__init__()
        self.enum = enum

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> StrEnum | None:
        return None if value is None else self.enum(value)


class Base(DeclarativeBase):
    """Tables of notifications."""

    metadata = sa.MetaData(naming_convention=NAMING)


class Mail(Base):
    """One mail to one recipient: an account, or whoever the link's owner names when the mail leaves."""

    __tablename__ = "mails"
    __table_args__ = (
        sa.UniqueConstraint("cause", "template", "recipient_account_id", postgresql_nulls_not_distinct=True),
        sa.CheckConstraint(f"state IN ({_STATES})", name="state"),
        sa.CheckConstraint("num_nulls(link_purpose, link_row_id, link_issue) IN (0, 3)", name="link"),
        sa.CheckConstraint("recipient_account_id IS NOT NULL OR link_purpose IS NOT NULL", name="recipient"),
        sa.CheckConstraint("(next_attempt_at IS NULL) = (state IN ('sent', 'failed', 'cancelled'))", name="next_attempt"),
        sa.CheckConstraint("(sent_at IS NOT NULL) = (state = 'sent')", name="sent"),
        sa.Index("ix_mails_due", "next_attempt_at", postgresql_where=sa.text("next_attempt_at IS NOT NULL")),
        sa.Index("ix_mails_queued_at", "queued_at"),
    )

    mail_id: Mapped[UUID] = mapped_column(primary_key=True)
    cause: Mapped[str] = mapped_column(sa.Text)  # The message that it follows from.
    template: Mapped[str] = mapped_column(sa.Text)
    variables: Mapped[dict[str, Any]] = mapped_column(JSONB)
    recipient_account_id: Mapped[UUID | None]
    link_purpose: Mapped[LinkPurpose | None] = mapped_column(Code(LinkPurpose))
    link_row_id: Mapped[UUID | None]
    link_issue: Mapped[int | None]
    state: Mapped[MailState] = mapped_column(Code(MailState))
    attempt_count: Mapped[int]
    next_attempt_at: Mapped[datetime | None] = mapped_column(Instant)  # While it is being sent: the end of the lease.
    reason: Mapped[str | None] = mapped_column(sa.Text)
    queued_at: Mapped[datetime] = mapped_column(Instant)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
