"""Deliveries of the ASP: what sync sent, batch by batch, until it is applied."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.tables import Instant
from contracts.vocabulary import AnnexState, DeliveryState, StructureKind
from services.organizations.models.columns import Base, check_code, code


def _run_id() -> Mapped[UUID]:
    return mapped_column(sa.ForeignKey("deliveries.run_id", ondelete="CASCADE"), primary_key=True)


class Delivery(Base):
    """One run of sync, and where it stands here."""

    __tablename__ = "deliveries"
    __table_args__ = (
        check_code("state", DeliveryState),
        sa.CheckConstraint("state = 'receiving' OR summary IS NOT NULL", name="planned"),
        sa.CheckConstraint("(applied_at IS NOT NULL) = (state = 'applied')", name="applied"),
    )

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[DeliveryState] = mapped_column(code(DeliveryState))
    plan_version: Mapped[int] = mapped_column(server_default="0")
    planned_against: Mapped[str | None] = mapped_column(sa.Text)  # A digest of the rows as they were when it was planned.
    summary: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    extracted_at: Mapped[datetime | None] = mapped_column(Instant)
    opened_at: Mapped[datetime] = mapped_column(Instant)
    applied_at: Mapped[datetime | None] = mapped_column(Instant)


class DeliveryBatch(Base):
    """A batch that has arrived: a second one of its number is not read."""

    __tablename__ = "delivery_batches"

    run_id: Mapped[UUID] = _run_id()
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class IncomingStructure(Base):
    """A structure as delivered."""

    __tablename__ = "incoming_structures"

    run_id: Mapped[UUID] = _run_id()
    asp_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    siret: Mapped[str] = mapped_column(sa.Text)
    siret_signature: Mapped[str] = mapped_column(sa.Text)
    name: Mapped[str] = mapped_column(sa.Text)
    naf: Mapped[str] = mapped_column(sa.Text)
    auth_email: Mapped[str | None] = mapped_column(sa.Text)
    phone: Mapped[str] = mapped_column(sa.Text)
    address_line_1: Mapped[str] = mapped_column(sa.Text)
    address_line_2: Mapped[str] = mapped_column(sa.Text)
    post_code: Mapped[str] = mapped_column(sa.Text)
    city: Mapped[str] = mapped_column(sa.Text)
    department: Mapped[str] = mapped_column(sa.Text)


class IncomingAnnex(Base):
    """A financial annex as delivered."""

    __tablename__ = "incoming_annexes"

    run_id: Mapped[UUID] = _run_id()
    number: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    asp_id: Mapped[int] = mapped_column(sa.BigInteger)
    kind: Mapped[StructureKind] = mapped_column(code(StructureKind))
    state: Mapped[AnnexState] = mapped_column(code(AnnexState))
    starts_on: Mapped[date]
    ends_on: Mapped[date]


class IncomingUnknownKey(Base):
    """A structure with a row that was set aside: unknown, never absent; it keeps what was last applied."""

    __tablename__ = "incoming_unknown_keys"

    run_id: Mapped[UUID] = _run_id()
    asp_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[StructureKind] = mapped_column(code(StructureKind), primary_key=True)
