"""From uploaded files to rows that can be sent: read whole, judged, numbered; then copied into the database at once."""

import time
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from services.sync import domain
from services.sync.asp import Reading, Reject, Remark, View
from services.sync.choice import choose_annexes, set_aside_repeated
from services.sync.depot import Delivery, DeliveryRefused, open_delivery
from services.sync.models import RunReject, RunView, StagedAnnex, StagedStructure, StagedUnknownKey
from services.sync.rows import AnnexRow, StructureRow

MOST_RECORDS = 500_000  # Of one view, held in memory while they are judged; a real one has 60,000.
RECORDS_PER_TURN = 200
KEPT_REJECTS = 10_000  # Of a refused file: enough to see what is wrong with it.
LONGEST_MESSAGE = 500

Keys = set[tuple[int, str]]


@dataclass(frozen=True)
class Former:
    """What the last applied delivery was, to compare with; empty before the first one."""

    views: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[View, Keys] = field(default_factory=dict)


@dataclass(frozen=True)
class ReadDelivery:
    """A delivery read to its end; nothing of `unknown_asp_ids` is among the rows."""

    views: list[domain.ReadView]
    structures: list[StructureRow]
    annexes: list[AnnexRow]
    rejects: dict[View, list[Reject]]
    unknown_asp_ids: set[int]

    @property
    def read_count(self) -> int:
        return sum(view.record_count for view in self.views)

    @property
    def reject_count(self) -> int:
        return sum(view.reject_count for view in self.views)


def read_delivery(paths: Sequence[tuple[Path, str]], former: Former, *, today: date) -> ReadDelivery:
    """The delivery that the files hold together; FileRefused when one cannot be read to a sure end."""
    delivery = open_delivery(paths)
    structures, structure_rejects, structure_report = _read_view(delivery, View.STRUCTURE, former)
    annexes, annex_rejects, annex_report = _read_view(delivery, View.ANNEX, former)
    structures, repeated = set_aside_repeated(structures, structure_rejects)
    annexes, not_unique = choose_annexes(annexes, today=today)

    rejects = {View.STRUCTURE: structure_rejects + repeated, View.ANNEX: annex_rejects + not_unique}
    found: dict[View, Keys] = {
        View.STRUCTURE: {(row.asp_id, "") for row in structures},
        View.ANNEX: {(row.asp_id, row.number) for row in annexes},
    }
    unknown = _unknown_asp_ids(rejects, found, former)
    return ReadDelivery(
        views=[
            _judged(structure_report, len(structures), len(rejects[View.STRUCTURE])),
            _judged(annex_report, len(annexes), len(rejects[View.ANNEX])),
        ],
        structures=[row for row in structures if row.asp_id not in unknown],
        annexes=[row for row in annexes if row.asp_id not in unknown],
        rejects=rejects,
        unknown_asp_ids=unknown,
    )


def check_delivery(delivery: ReadDelivery, former: Former, *, bad_share: float = domain.BAD_SHARE) -> None:
    """Refuse a delivery that may not be taken after the one last applied."""
    for view in delivery.views:
        domain.check_view(view, former.views.get(view.view), bad_share=bad_share)


def printable(text: str, longest: int) -> str:
    """What files say of themselves, safe to store and to show."""
    return "".join(" " if unicodedata.category(one) in ("Cc", "Cs") else one for one in text)[:longest].strip()


def _read_view(delivery: Delivery, view: View, former: Former) -> tuple[list[Any], list[Reject], Any]:
    """Rows, rejects and the report of one view; a view whose last applied file had FIN must have it."""
    applied = former.views.get(view)
    rows: list[Any] = []
    rejects: list[Reject] = []
    with delivery.open(view) as stream:
        reading = Reading(stream, view, fin_required=bool(applied and applied.has_fin))
        for count, record in enumerate(reading):
            if isinstance(record, Reject):
                rejects.append(record)
            elif not isinstance(record, Remark):
                rows.append(record)
            if count % RECORDS_PER_TURN == 0:
                time.sleep(0)  # Health checks and heartbeats of this process have their turn.
            if reading.report.record_count > MOST_RECORDS:
                raise DeliveryRefused(f"Vue « {view} » : plus de {MOST_RECORDS} enregistrements.")
    return rows, rejects, reading.report


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


def _unknown_asp_ids(rejects: Mapping[View, list[Reject]], found: Mapping[View, Keys], former: Former) -> set[int]:
    """Structures with a record set aside: unknown, never absent. One without a readable key may be of any that is missing."""
    unknown: set[int] = set()
    for view, set_aside in rejects.items():
        unknown |= {one.asp_id for one in set_aside if one.asp_id is not None}
        if any(one.asp_id is None for one in set_aside):
            unknown |= domain.doubtful_keys(former.keys.get(view, set()), found[view])
    return unknown


def copy_delivery(session: Session, run_id: UUID, delivery: ReadDelivery) -> int:
    """Write what was read and what will be sent; answers the number of batches."""
    counts = Counter(row.asp_id for row in delivery.annexes)
    keys = {row.asp_id for row in delivery.structures} | delivery.unknown_asp_ids | counts.keys()
    batches = domain.number_batches({asp_id: counts[asp_id] for asp_id in keys})
    copy_findings(session, run_id, delivery)
    _copy(session, StagedStructure, (_structure(run_id, row, batches) for row in delivery.structures))
    _copy(session, StagedAnnex, (_annex(run_id, row, batches) for row in delivery.annexes))
    _copy(session, StagedUnknownKey, ((run_id, asp_id, batches[asp_id]) for asp_id in delivery.unknown_asp_ids))
    return max(batches.values(), default=0)


def copy_findings(session: Session, run_id: UUID, delivery: ReadDelivery, *, most_rejects: int | None = None) -> None:
    """Write what each view was and what is set aside."""
    views = [[getattr(view, name) for name in _names(RunView)[1:]] for view in delivery.views]
    _copy(session, RunView, ([run_id, *values] for values in views))
    _copy(session, RunReject, list(_reject_rows(run_id, delivery.rejects))[:most_rejects])


def _reject_rows(run_id: UUID, rejects: Mapping[View, list[Reject]]) -> Iterator[Sequence[Any]]:
    for view, set_aside in rejects.items():
        for one in sorted(set_aside, key=lambda one: one.line_number):
            yield run_id, view.value, one.line_number, one.column, one.reason.value, printable(one.message, LONGEST_MESSAGE)


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
