"""What a run goes through, and when a delivery is not taken. Pure functions of plain values."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from contracts.sync import FileIsMissing
from contracts.vocabulary import SIAE_KINDS, RunState, StructureKind

BAD_SHARE = 0.01  # Of a view's records: with more of them set aside, the file is refused whole.
KEPT_SHARE = 0.98  # Of the last applied count: what a file whose end cannot be told must still hold.
AHEAD = timedelta(days=1)  # Of us, at most: a stamp of next year would make every later delivery an older one.
KEPT_UPLOADS = timedelta(days=1)  # Of files that no run took.
BATCH_STRUCTURES = 500
BATCH_ANNEXES = 5000  # Some have hundreds of annexes: a batch stays far below what a message may hold.
PARIS = ZoneInfo("Europe/Paris")

Key = tuple[int, StructureKind]  # A structure as organizations know it: the ASP's number and a kind (ORG-70).
Told = tuple[int, StructureKind | None, str]  # What a record tells of: an asp_id; of an annex its kind and number too.

MOVES = {
    (RunState.RECEIVED, "stage"): RunState.STAGED,
    (RunState.STAGED, "send"): RunState.SENT,
    (RunState.SENT, "plan"): RunState.PLANNED,
    (RunState.PLANNED, "apply"): RunState.APPLYING,
    (RunState.APPLYING, "plan_again"): RunState.SENT,
    (RunState.APPLYING, "finish"): RunState.APPLIED,
    (RunState.RECEIVED, "refuse"): RunState.REFUSED,
    (RunState.STAGED, "refuse"): RunState.REFUSED,
    (RunState.SENT, "refuse"): RunState.REFUSED,
    (RunState.PLANNED, "refuse"): RunState.REFUSED,
    (RunState.APPLYING, "refuse"): RunState.REFUSED,
}


# None of these leaves the service: a run keeps the sentence, and whoever asks for it reads it there.
class RunHasMoved(Exception):
    """The run is no longer where this step starts from."""


class DeliveryIsNotTaken(Exception):
    """The delivery is refused whole; `detail` says why, in French, for the operator."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class DeliveryIsOlderThanApplied(DeliveryIsNotTaken):
    """A later delivery has been applied."""


class DeliveryIsFromTheFuture(DeliveryIsNotTaken):
    """Its stamp cannot be true."""


class FileHasNoUsableRow(DeliveryIsNotTaken):
    """Every record is set aside, or none of our business."""


class TooManyBadRows(DeliveryIsNotTaken):
    """More records are set aside than a sound file has."""


class FileMayBeCut(DeliveryIsNotTaken):
    """Nothing says that the file's end is its true end."""


@dataclass(frozen=True)
class ReadView:
    """What one view of a delivery turned out to be."""

    view: str
    extracted_at: datetime | None
    record_count: int
    row_count: int
    reject_count: int
    remark_count: int
    has_fin: bool
    ends_on_whole_line: bool


def move(state: RunState, verb: str) -> RunState:
    """The state that follows; RunHasMoved when nothing leads there any more."""
    try:
        return MOVES[state, verb]
    except KeyError:
        raise RunHasMoved() from None


def has_ended(state: RunState, *, is_dry: bool) -> bool:
    """Whether nothing more will happen: a dry run ends with its plan."""
    return state in (RunState.APPLIED, RunState.REFUSED) or (is_dry and state == RunState.PLANNED)


def check_any_file(files: Sequence[Any]) -> None:
    if not files:
        raise FileIsMissing("Aucun fichier n'a été déposé.")


def check_view(read: ReadView, applied: Any | None, *, now: datetime, bad_share: float = BAD_SHARE) -> None:
    """Refuse a view that may not be taken after the one last applied; None where nothing was applied yet."""
    check_not_in_the_future(read, now)
    check_any_row(read)
    check_whole_end(read)
    if applied is not None:
        check_not_older(read, applied)
        check_kept_count(read, applied)
        check_bad_share(read, bad_share)


def check_not_in_the_future(read: ReadView, now: datetime) -> None:
    if read.extracted_at and read.extracted_at > now + AHEAD:
        raise DeliveryIsFromTheFuture(
            f"Vue « {read.view} » : la ligne DEB date la livraison du {_written(read.extracted_at)}, dans l'avenir : "
            f"nous sommes le {_written(now)}."
        )


def check_any_row(read: ReadView) -> None:
    if not read.row_count:
        raise FileHasNoUsableRow(f"Vue « {read.view} » : aucune ligne n'est utilisable ({read.reject_count} écartées).")


def check_whole_end(read: ReadView) -> None:
    if not read.ends_on_whole_line:
        raise FileMayBeCut(
            f"Vue « {read.view} » : le fichier est peut-être tronqué, il ne finit ni par FIN ni par une ligne entière."
        )


def check_not_older(read: ReadView, applied: Any) -> None:
    if read.extracted_at and applied.extracted_at and read.extracted_at < applied.extracted_at:
        raise DeliveryIsOlderThanApplied(
            f"Vue « {read.view} » : la livraison du {_written(read.extracted_at)} est plus ancienne que la dernière appliquée, "
            f"du {_written(applied.extracted_at)}."
        )


def check_kept_count(read: ReadView, applied: Any) -> None:
    if not read.has_fin and read.record_count < KEPT_SHARE * applied.record_count:
        raise FileMayBeCut(
            f"Vue « {read.view} » : le fichier est peut-être tronqué, sans FIN et avec {read.record_count} enregistrements "
            f"au lieu de {applied.record_count} la dernière fois."
        )


def check_bad_share(read: ReadView, bad_share: float) -> None:
    if read.reject_count > bad_share * read.record_count:
        share = f"{bad_share * 100:g}".replace(".", ",")
        raise TooManyBadRows(
            f"Vue « {read.view} » : {read.reject_count} lignes sur {read.record_count} sont à écarter, plus de {share} % : "
            "le fichier est refusé en entier."
        )


def number_batches(annex_counts: Mapping[int, int]) -> dict[int, int]:
    """The batch of each structure, from 1, in the order of their keys; a structure's annexes travel with it."""
    numbers: dict[int, int] = {}
    number, structures, annexes = 1, 0, 0
    for asp_id in sorted(annex_counts):
        if structures == BATCH_STRUCTURES or (structures and annexes + annex_counts[asp_id] > BATCH_ANNEXES):
            number, structures, annexes = number + 1, 0, 0
        numbers[asp_id] = number
        structures, annexes = structures + 1, annexes + annex_counts[asp_id]
    return numbers


def keys_of(asp_id: int, kind: StructureKind | None) -> set[Key]:
    """The keys that a record may have told of: of every kind where its own cannot be read."""
    return {(asp_id, one) for one in ([kind] if kind else SIAE_KINDS)}


def doubtful_keys(former: Set[Told], current: Set[Told]) -> set[Key]:
    """The keys that a record without a readable asp_id may have told of: those of what was there and is no more."""
    return {key for asp_id, kind, _ in former - current for key in keys_of(asp_id, kind)}


def last_forgotten(now: datetime) -> datetime:
    """Uploaded files of that time or before, that no open run names, are forgotten."""
    return now - KEPT_UPLOADS


def extraction_of(views: Sequence[Any], opened_at: datetime) -> datetime:
    """When the delivery was true: its oldest view's stamp; without any, when it came."""
    return min((view.extracted_at for view in views if view.extracted_at), default=opened_at)


def _written(instant: datetime) -> str:
    return f"{instant.astimezone(PARIS):%d/%m/%Y à %H:%M}"
