"""Tables of sync: runs, what their files held, what was set aside, and the staged rows on their way to organizations."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship

from chassis.tables import NAMING, Instant
from contracts.sync import FindingLevel
from contracts.vocabulary import AnnexState, RunState, StructureKind

_STATES = ", ".join(f"'{state}'" for state in RunState)
_LEVELS = ", ".join(f"'{level}'" for level in FindingLevel)
_IN_PROGRESS = "ended_at IS NULL AND state <> 'received'"
_GOES_FIRST = """
    SELECT FROM runs AS other WHERE other.ended_at IS NULL
    AND (other.state <> 'received' OR (other.opened_at, other.run_id) < (runs.opened_at, runs.run_id))
"""


class Base(DeclarativeBase):
    """Tables of sync."""

    metadata = sa.MetaData(naming_convention=NAMING)


def _code(values: Any) -> sa.Enum:
    """An enumeration by its codes, as text."""
    return sa.Enum(
        values, native_enum=False, create_constraint=False, length=20, values_callable=lambda cls: [one.value for one in cls]
    )


def _run_id() -> Mapped[UUID]:
    return mapped_column(sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True)


class Run(Base):
    """One delivery on its way: read, sent, planned, applied, or refused."""

    __tablename__ = "runs"
    __table_args__ = (
        sa.CheckConstraint(f"state IN ({_STATES})", name="state"),
        sa.CheckConstraint(
            "(ended_at IS NOT NULL) = (state IN ('applied', 'refused') OR (state = 'planned' AND is_dry))", name="ended"
        ),
        sa.CheckConstraint("(refusal IS NOT NULL) = (state = 'refused')", name="refusal"),
        sa.CheckConstraint("sent_batch_count <= batch_count", name="sent_batch_count"),
        sa.CheckConstraint("cleared_at IS NULL OR ended_at IS NOT NULL", name="cleared"),
        sa.Index("ix_runs_open", "opened_at", "run_id", postgresql_where=sa.text("ended_at IS NULL")),
        sa.Index("ix_runs_uncleared", "run_id", postgresql_where=sa.text("ended_at IS NOT NULL AND cleared_at IS NULL")),
        # One run at a time leaves the queue: the others wait in `received`.
        sa.Index("uq_runs_in_progress", sa.text("(ended_at IS NULL)"), unique=True, postgresql_where=sa.text(_IN_PROGRESS)),
    )

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[RunState] = mapped_column(_code(RunState))
    is_dry: Mapped[bool]
    refusal: Mapped[str | None] = mapped_column(sa.Text)
    read_count: Mapped[int] = mapped_column(default=0)
    reject_count: Mapped[int] = mapped_column(default=0)
    remark_count: Mapped[int] = mapped_column(default=0)
    batch_count: Mapped[int] = mapped_column(default=0)
    sent_batch_count: Mapped[int] = mapped_column(default=0)
    extracted_at: Mapped[datetime | None] = mapped_column(Instant)
    plan_version: Mapped[int | None]
    summary: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    opened_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    cleared_at: Mapped[datetime | None] = mapped_column(Instant)  # Once its uploaded files and its staged rows are gone.

    is_queued: Mapped[bool] = column_property(
        sa.literal_column(f"(runs.state = 'received' AND EXISTS ({_GOES_FIRST}))", sa.Boolean)
    )
    views: Mapped[list["RunView"]] = relationship(lazy="selectin", viewonly=True, order_by="RunView.view.desc()")


class RunFile(Base):
    """One uploaded file of a run, by its id in the files port and the digest it had."""

    __tablename__ = "run_files"
    __table_args__ = (sa.Index("ix_run_files_file_id", "file_id"),)

    run_id: Mapped[UUID] = _run_id()
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    file_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(sa.Text)
    size: Mapped[int] = mapped_column(sa.BigInteger)
    sha256: Mapped[str] = mapped_column(sa.Text)


class RunView(Base):
    """What one view of a run's delivery turned out to be; of the last applied run, what the next delivery is compared with."""

    __tablename__ = "run_views"

    run_id: Mapped[UUID] = _run_id()
    view: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    extracted_at: Mapped[datetime | None] = mapped_column(Instant)
    record_count: Mapped[int]
    row_count: Mapped[int]
    reject_count: Mapped[int]
    remark_count: Mapped[int]
    has_fin: Mapped[bool]


class RunFinding(Base):
    """A record set aside, or one that is odd: where it stands and why. Never an address nor a phone."""

    __tablename__ = "findings"
    __table_args__ = (
        sa.CheckConstraint(f"level IN ({_LEVELS})", name="level"),
        sa.Index("ix_findings_run_id_level", "run_id", "level", "position"),
    )

    run_id: Mapped[UUID] = _run_id()
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # In the order of the files.
    level: Mapped[FindingLevel] = mapped_column(_code(FindingLevel))
    view: Mapped[str] = mapped_column(sa.Text)
    line_number: Mapped[int]
    column: Mapped[str | None] = mapped_column("column_name", sa.Text)
    code: Mapped[str] = mapped_column(sa.Text)
    message: Mapped[str] = mapped_column(sa.Text)


class StagedStructure(Base):
    """A structure as it will be sent; its batch is decided once, so that a batch sent again is the same."""

    __tablename__ = "staged_structures"
    __table_args__ = (sa.Index("ix_staged_structures_run_id_batch_number", "run_id", "batch_number"),)

    run_id: Mapped[UUID] = _run_id()
    asp_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    batch_number: Mapped[int]
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


class StagedAnnex(Base):
    """A financial annex as it will be sent, in its structure's batch."""

    __tablename__ = "staged_annexes"
    __table_args__ = (sa.Index("ix_staged_annexes_run_id_batch_number", "run_id", "batch_number"),)

    run_id: Mapped[UUID] = _run_id()
    number: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    asp_id: Mapped[int] = mapped_column(sa.BigInteger)
    batch_number: Mapped[int]
    kind: Mapped[StructureKind] = mapped_column(_code(StructureKind))
    state: Mapped[AnnexState] = mapped_column(_code(AnnexState))
    starts_on: Mapped[date]
    ends_on: Mapped[date]


class StagedUnknownKey(Base):
    """A structure of which this delivery does not tell all for sure: it keeps what was last applied."""

    __tablename__ = "staged_unknown_keys"
    __table_args__ = (sa.Index("ix_staged_unknown_keys_run_id_batch_number", "run_id", "batch_number"),)

    run_id: Mapped[UUID] = _run_id()
    asp_id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[StructureKind] = mapped_column(_code(StructureKind), primary_key=True)
    batch_number: Mapped[int]


STAGED = (StagedStructure, StagedAnnex, StagedUnknownKey)
