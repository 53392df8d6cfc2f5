"""The operator's desk for messages set aside: the same three operations in every service."""

from contracts import fields
from contracts.errors import NotFound
from contracts.method import Method, method


class ParkedMessageNotFound(NotFound):
    """Aucun message mis de côté ne porte cet identifiant."""


ParkedMessage = fields.record(
    "ParkedMessage",
    parked_id=fields.UUID(),
    handler=fields.Text(),
    event=fields.Text(optional=True),
    message_id=fields.Text(optional=True),
    state=fields.Text(),
    reason=fields.Text(longest=2000),
    attempt_count=fields.Integer(),
    first_seen_at=fields.Instant(),
    next_attempt_at=fields.Instant(optional=True),
)


def list_parked_of(service: str) -> Method:
    """Messages set aside, oldest first: waiting for their next attempt, or dead."""
    return method(
        f"{service}.list_parked",
        takes={"limit": fields.Integer(load_default=100, required=False)},
        gives={"items": fields.List(fields.Nested(ParkedMessage)), "total_count": fields.Integer()},
        callers={"operator"},
    )


def replay_parked_of(service: str) -> Method:
    """Run one again now, or all the dead ones when no id is given."""
    return method(
        f"{service}.replay_parked",
        takes={"parked_id": fields.UUID(optional=True)},
        gives={"replayed_count": fields.Integer()},
        callers={"operator"},
        changes=True,
        refuses=(ParkedMessageNotFound,),
    )


def discard_parked_of(service: str) -> Method:
    """Give one up for ever."""
    return method(
        f"{service}.discard_parked",
        takes={"parked_id": fields.UUID()},
        callers={"operator"},
        changes=True,
        refuses=(ParkedMessageNotFound,),
    )
