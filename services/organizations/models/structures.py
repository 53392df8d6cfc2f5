"""Structures, and the conventions that let them act."""

from datetime import date, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chassis.tables import Instant
from contracts.vocabulary import SIAE_KINDS, AnnexState, OrganizationSource, StructureKind
from services.organizations.models.columns import Base, check_code, code

_MOTHERS = sa.text("parent_id IS NULL")


class Convention(Base):
    """A State agreement: one for each ASP structure and kind, whatever the number of real papers."""

    __tablename__ = "conventions"
    __table_args__ = (
        sa.UniqueConstraint("asp_id", "kind"),
        check_code("kind", sorted(SIAE_KINDS)),
        sa.CheckConstraint("is_active OR deactivated_at IS NOT NULL", name="deactivated"),
        sa.CheckConstraint("(reactivated_by_account_id IS NULL) = (reactivated_at IS NULL)", name="reactivated"),
    )

    convention_id: Mapped[UUID] = mapped_column(primary_key=True)
    asp_id: Mapped[int] = mapped_column(sa.BigInteger)
    kind: Mapped[StructureKind] = mapped_column(code(StructureKind))
    siret_signature: Mapped[str] = mapped_column(sa.Text)
    is_active: Mapped[bool]
    deactivated_at: Mapped[datetime | None] = mapped_column(Instant)  # The grace of 30 days runs from here.
    reactivated_by_account_id: Mapped[UUID | None]
    reactivated_at: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(sa.BigInteger, server_default="1")


class Annex(Base):
    """A financial annex of a convention, by its official number."""

    __tablename__ = "annexes"
    __table_args__ = (check_code("state", AnnexState), sa.Index("ix_annexes_convention_id", "convention_id"))

    number: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    convention_id: Mapped[UUID] = mapped_column(sa.ForeignKey("conventions.convention_id", ondelete="CASCADE"))
    state: Mapped[AnnexState] = mapped_column(code(AnnexState))
    starts_on: Mapped[date]
    ends_on: Mapped[date]


class Organization(Base):
    """An employer: a mother structure, or one of its antennas (`parent_id`)."""

    __tablename__ = "organizations"
    __table_args__ = (
        sa.UniqueConstraint("public_id"),
        check_code("kind", StructureKind),
        check_code("source", OrganizationSource),
        sa.CheckConstraint("siret ~ '^[0-9]{14}$'", name="siret"),
        sa.CheckConstraint("parent_id <> organization_id", name="parent"),
        sa.Index("uq_organizations_mothers_siret_kind", "siret", "kind", unique=True, postgresql_where=_MOTHERS),
        sa.Index("uq_organizations_mothers_asp_id_kind", "asp_id", "kind", unique=True, postgresql_where=_MOTHERS),
        sa.Index(
            "uq_organizations_antennas_parent_id_name",
            "parent_id",
            "name",
            unique=True,
            postgresql_where=sa.text("parent_id IS NOT NULL"),
        ),
        sa.Index("ix_organizations_siret", "siret"),
        sa.Index("ix_organizations_convention_id", "convention_id"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    public_id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True))  # The « ID » that people quote.
    siret: Mapped[str] = mapped_column(sa.Text)
    kind: Mapped[StructureKind] = mapped_column(code(StructureKind))
    source: Mapped[OrganizationSource] = mapped_column(code(OrganizationSource))
    name: Mapped[str] = mapped_column(sa.Text)
    brand: Mapped[str] = mapped_column(sa.Text, server_default="")
    naf: Mapped[str] = mapped_column(sa.Text, server_default="")
    phone: Mapped[str] = mapped_column(sa.Text, server_default="")
    email: Mapped[str] = mapped_column(sa.Text, server_default="")
    auth_email: Mapped[str | None] = mapped_column(sa.Text)  # Private: only secures the first sign-up, never shown.
    address_line_1: Mapped[str] = mapped_column(sa.Text, server_default="")
    address_line_2: Mapped[str] = mapped_column(sa.Text, server_default="")
    post_code: Mapped[str] = mapped_column(sa.Text, server_default="")
    city: Mapped[str] = mapped_column(sa.Text, server_default="")
    department: Mapped[str] = mapped_column(sa.Text, server_default="")
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    geocoding_score: Mapped[float | None]
    parent_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("organizations.organization_id"))
    asp_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    convention_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("conventions.convention_id"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(sa.BigInteger, server_default="1")  # Grows with every change of this row.

    convention: Mapped[Convention | None] = relationship(lazy="joined")
