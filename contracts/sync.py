"""Sync: deliveries of the ASP, read, set aside where bad, and sent to organizations."""

from enum import StrEnum

from contracts import fields
from contracts.errors import Invalid, NotFound
from contracts.method import method
from contracts.parked import discard_parked_of, list_parked_of, replay_parked_of
from contracts.vocabulary import RunState


class FindingLevel(StrEnum):
    """What becomes of a record that something was found in."""

    REJECT = "reject"  # Set aside.
    REMARK = "remark"  # Taken all the same.


class RunNotFound(NotFound):
    """Aucun import ne porte cet identifiant."""


class FileIsMissing(Invalid):
    """Le fichier déposé est introuvable ou ne correspond pas à son empreinte."""


DeliveryFile = fields.record(
    "DeliveryFile",
    file_id=fields.UUID(),
    name=fields.Text(),
    size=fields.Integer(),
    sha256=fields.Digits(),
)
Finding = fields.record(
    "Finding",
    position=fields.Integer(),
    level=fields.Choice(FindingLevel),
    view=fields.Text(),
    line_number=fields.Integer(),
    column=fields.Text(optional=True),
    code=fields.Text(),
    message=fields.Text(longest=500),
)
DeliveryView = fields.record(
    "DeliveryView",
    view=fields.Text(),
    extracted_at=fields.Instant(optional=True),
    record_count=fields.Integer(),
    has_fin=fields.Boolean(),
)
Run = fields.record(
    "Run",
    run_id=fields.UUID(),
    state=fields.Choice(RunState),
    is_dry=fields.Boolean(),
    is_queued=fields.Boolean(),  # Whether runs before it are not through yet.
    refusal=fields.Text(optional=True, longest=2000),
    read_count=fields.Integer(),
    reject_count=fields.Integer(),
    remark_count=fields.Integer(),
    views=fields.List(fields.Nested(DeliveryView)),
    batch_count=fields.Integer(),
    sent_batch_count=fields.Integer(),
    summary=fields.Mapping(optional=True),
    opened_at=fields.Instant(),
)

open_run = method(
    "sync.open_run",
    takes={"files": fields.List(fields.Nested(DeliveryFile)), "is_dry": fields.Boolean()},
    gives=Run,
    callers={"operator"},
    changes=True,
    refuses=(FileIsMissing,),
)

get_run = method("sync.get_run", takes={"run_id": fields.UUID()}, gives=Run, callers={"operator"}, refuses=(RunNotFound,))

# In the order of the files; a page begins after a position of the one before it.
_PAGE = {
    "run_id": fields.UUID(),
    "after": fields.Integer(load_default=0, required=False),
    "limit": fields.Integer(load_default=1000, required=False),
}
_FINDINGS = {"items": fields.List(fields.Nested(Finding)), "total_count": fields.Integer()}

list_rejects = method("sync.list_rejects", takes=_PAGE, gives=_FINDINGS, callers={"operator"}, refuses=(RunNotFound,))
list_remarks = method("sync.list_remarks", takes=_PAGE, gives=_FINDINGS, callers={"operator"}, refuses=(RunNotFound,))

list_parked = list_parked_of("sync")
replay_parked = replay_parked_of("sync")
discard_parked = discard_parked_of("sync")
