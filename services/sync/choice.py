"""What can only be said of a record beside the others: keys that stand twice, annexes that share a number."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date

from services.sync.asp import COLUMNS, View
from services.sync.findings import Reason, Reject, reject
from services.sync.rows import AnnexRow, StructureRow

_ASP_ID = COLUMNS[View.STRUCTURE]["asp_id"]
_NUMBER = COLUMNS[View.ANNEX]["number_prefix"]


def set_aside_repeated(rows: Iterable[StructureRow], rejects: Iterable[Reject] = ()) -> tuple[list[StructureRow], list[Reject]]:
    """The rows whose asp_id stands once in the file, and rejects for the others (ASP-11).

    `rejects` are those of the same file: a record already set aside makes its key's other record doubtful too.
    """
    rows = list(rows)
    times = Counter([row.asp_id for row in rows] + [one.asp_id for one in rejects])
    repeated = [row for row in rows if times[row.asp_id] > 1]
    return (
        [row for row in rows if times[row.asp_id] == 1],
        [reject(row.line_number, _ASP_ID, Reason.REPEATED_ASP_ID, row.asp_id, row.asp_id) for row in repeated],
    )


def choose_annexes(rows: Iterable[AnnexRow], *, today: date) -> tuple[list[AnnexRow], list[Reject]]:
    """One row per number (ASP-13), and rejects: a number that several active rows bear is given to none of them.

    The rows kept for the other numbers: active first, then an active state, then the latest end.
    """
    by_number: dict[str, dict[AnnexRow, None]] = defaultdict(dict)
    for row in rows:
        by_number[row.number].setdefault(row)  # Rows compare without their line: identical records are one.

    chosen: list[AnnexRow] = []
    rejects: list[Reject] = []
    for candidates in by_number.values():
        active = [row for row in candidates if row.is_active(today)]
        if len(active) > 1:
            rejects += [_not_unique(row) for row in active]
        else:
            chosen.append(max(candidates, key=lambda row: _preference(row, today)))
    return chosen, rejects


def _preference(row: AnnexRow, today: date) -> tuple[object, ...]:
    # The last two only make the choice the same whatever the order of the lines.
    return row.is_active(today), row.state.is_active, row.ends_on, row.starts_on, -row.asp_id


def _not_unique(row: AnnexRow) -> Reject:
    return reject(row.line_number, _NUMBER, Reason.NUMBER_NOT_UNIQUE, row.number, row.asp_id, row.kind)
