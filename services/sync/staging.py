"""From uploaded files to rows that can be sent: read whole, judged, numbered; then copied into the database at once."""

import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from contracts.sync import FindingLevel
from services.sync import domain
from services.sync.asp import Reading, Reject, Remark, Report, View
from services.sync.choice import choose_annexes, set_aside_repeated
from services.sync.depot import Delivery, DeliveryRefused, open_delivery
from services.sync.models import RunFinding, RunView, StagedAnnex, StagedStructure, StagedUnknownKey
from services.sync.rows import AnnexRow, StructureRow

MOST_RECORDS = 500_000  # Of one view, held in memory while they are judged; a real one has 60,000.
RECORDS_PER_TURN = 200
KEPT_FINDINGS = 10_000  # Of a refused delivery, at each level: enough to see what is wrong with it.
LONGEST_MESSAGE = 500


@dataclass(frozen=True)
class Former:
    """What the last applied delivery was, to compare with; empty before the first one."""

    views: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[View, Set[domain.Told]] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadDelivery:
    """A delivery read to its end; of `unknown_keys` the good rows are here too: organizations may not have them yet."""

    views: list[domain.ReadView]
    structures: list[StructureRow]
    annexes: list[AnnexRow]
    rejects: dict[View, list[Reject]]
    remarks: dict[View, list[Remark]]
    unknown_keys: set[domain.Key]

    @property
    def read_count(self) -> int:
        return sum(view.record_count for view in self.views)

    @property
    def reject_count(self) -> int:
        return sum(view.reject_count for view in self.views)

    @property
    def remark_count(self) -> int:
        return sum(view.remark_count for view in self.views)


def read_delivery(paths: Sequence[tuple[Path, str]], former: Former, *, today: date) -> ReadDelivery:
    """The delivery that the files hold together; FileRefused when one cannot be read to a sure end."""
    delivery = open_delivery(paths)
    read_structures, read_annexes = (_read_view(delivery, view, former) for view in View)
    structures, repeated = set_aside_repeated(read_structures.rows, read_structures.rejects)
    annexes, not_unique = choose_annexes(read_annexes.rows, today=today)

    rejects = {View.STRUCTURE: read_structures.rejects + repeated, View.ANNEX: read_annexes.rejects + not_unique}
    told: dict[View, Set[domain.Told]] = {
        View.STRUCTURE: {(row.asp_id, None, "") for row in structures},
        View.ANNEX: {(row.asp_id, row.kind, row.number) for row in annexes},
    }
    return ReadDelivery(
        views=[
            _judged(read_structures.report, len(structures), len(rejects[View.STRUCTURE])),
            _judged(read_annexes.report, len(annexes), len(rejects[View.ANNEX])),
        ],
        structures=structures,
        annexes=annexes,
        rejects=rejects,
        remarks={View.STRUCTURE: read_structures.remarks, View.ANNEX: read_annexes.remarks},
        unknown_keys=_unknown_keys(rejects, told, former),
    )


def check_delivery(delivery: ReadDelivery, former: Former, *, now: datetime, bad_share: float = domain.BAD_SHARE) -> None:
    """Refuse a delivery that may not be taken after the one last applied."""
    for view in delivery.views:
        domain.check_view(view, former.views.get(view.view), now=now, bad_share=bad_share)


def printable(text: str, longest: int) -> str:
    """What files say of themselves, safe to store and to show."""
    return "".join(" " if unicodedata.category(one) in ("Cc", "Cs") else one for one in text)[:longest].strip()


@dataclass
class _ReadFile:
    """All that one view's file gave."""

    report: Report
    rows: list[Any] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)


def _read_view(delivery: Delivery, view: View, former: Former) -> _ReadFile:
    """One view; where its last applied file had FIN it must have it."""
    applied = former.views.get(view)
    with delivery.open(view) as stream:
        reading = Reading(stream, view, fin_required=bool(applied and applied.has_fin))
        read = _ReadFile(reading.report)
        homes: dict[type, list[Any]] = {Reject: read.rejects, Remark: read.remarks}
        for count, record in enumerate(reading):
            homes.get(type(record), read.rows).append(record)
            if count % RECORDS_PER_TURN == 0:
                time.sleep(0)  # Health checks and heartbeats of this process have their turn.
            if reading.report.record_count > MOST_RECORDS:
                raise DeliveryRefused(f"Vue « {view} » : plus de {MOST_RECORDS} enregistrements.")
    return read


def _judged(report: Any, row_count: int, reject_count: int) -> domain.ReadView:
    return domain.ReadView(
        view=report.view.value,
        extracted_at=report.extracted_at,
        record_count=report.record_count,
        row_count=row_count,
        reject_count=reject_count,
        remark_count=report.counts["remarks"],
        has_fin=report.has_fin,
        ends_on_whole_line=report.ends_on_whole_line,
    )


def _unknown_keys(rejects: Mapping[View, list[Reject]], told: Mapping[View, Set[domain.Told]], former: Former) -> set[domain.Key]:
    """Keys with a record set aside: unknown, never absent. One without a readable asp_id may be of any that is missing."""
    unknown: set[domain.Key] = set()
    for view, set_aside in rejects.items():
        for one in set_aside:
            unknown |= domain.keys_of(one.asp_id, one.kind) if one.asp_id is not None else set()
        if any(one.asp_id is None for one in set_aside):
            unknown |= domain.doubtful_keys(former.keys.get(view, set()), told[view])
    return unknown


def copy_delivery(session: Session, run_id: UUID, delivery: ReadDelivery) -> int:
    """Write what was read and what will be sent; answers the number of batches."""
    counts = Counter(row.asp_id for row in delivery.annexes)
    asp_ids = {row.asp_id for row in delivery.structures} | {asp_id for asp_id, _ in delivery.unknown_keys} | counts.keys()
    batches = domain.number_batches({asp_id: counts[asp_id] for asp_id in asp_ids})
    unknown = sorted(delivery.unknown_keys)
    copy_findings(session, run_id, delivery)
    _copy(session, StagedStructure, (_structure(run_id, row, batches) for row in delivery.structures))
    _copy(session, StagedAnnex, (_annex(run_id, row, batches) for row in delivery.annexes))
    _copy(session, StagedUnknownKey, ((run_id, asp_id, kind.value, batches[asp_id]) for asp_id, kind in unknown))
    return max(batches.values(), default=0)


def copy_findings(session: Session, run_id: UUID, delivery: ReadDelivery, *, most: int | None = None) -> None:
    """Write what each view was, what is set aside and what is odd; at each level no more than `most`."""
    views = [[getattr(view, name) for name in _names(RunView)[1:]] for view in delivery.views]
    _copy(session, RunView, ([run_id, *values] for values in views))
    rejects, remarks = _finding_rows(FindingLevel.REJECT, delivery.rejects), _finding_rows(FindingLevel.REMARK, delivery.remarks)
    found = enumerate(chain(islice(rejects, most), islice(remarks, most)), 1)
    _copy(session, RunFinding, ([run_id, position, *row] for position, row in found))


def _finding_rows(level: FindingLevel, findings: Mapping[View, Sequence[Reject | Remark]]) -> Iterator[Sequence[Any]]:
    for view, found in findings.items():
        for one in sorted(found, key=lambda one: one.line_number):
            message = printable(one.message, LONGEST_MESSAGE)
            yield level.value, view.value, one.line_number, one.column, one.reason.value, message


def _structure(run_id: UUID, row: StructureRow, batches: Mapping[int, int]) -> Sequence[Any]:
    return [run_id, row.asp_id, batches[row.asp_id], *(getattr(row, name) for name in _names(StagedStructure)[3:])]


def _annex(run_id: UUID, row: AnnexRow, batches: Mapping[int, int]) -> Sequence[Any]:
    return [
        run_id, row.number, row.asp_id, batches[row.asp_id], row.kind.value, row.state.value, row.starts_on, row.ends_on,
    ]  # fmt: skip


def _names(model: Any) -> list[str]:
    return [column.name for column in model.__table__.columns]


def _copy(session: Session, model: Any, rows: Iterable[Sequence[Any]]) -> None:
    """Rows in the order of the table's columns, by COPY: sixty thousand of them in a second or two."""
    columns = sql.SQL(", ").join(map(sql.Identifier, _names(model)))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(model.__tablename__), columns)
    try:
        with session.connection().connection.cursor() as cursor, cursor.copy(statement) as copy:  # type: ignore[attr-defined]
            for row in rows:
                copy.write_row(row)
    except psycopg.OperationalError as error:  # The driver's own: as SQLAlchemy's, it is known for an outage.
        raise OperationalError("COPY", None, error) from error
