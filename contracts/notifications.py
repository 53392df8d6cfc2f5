"""Notifications: mails that follow from what the other services announce."""

from contracts import fields
from contracts.method import method
from contracts.parked import discard_parked_of, list_parked_of, replay_parked_of
from contracts.vocabulary import MailState

Mail = fields.record(
    "Mail",
    mail_id=fields.UUID(),
    template=fields.Text(),
    state=fields.Choice(MailState),
    attempt_count=fields.Integer(),
    reason=fields.Text(optional=True, longest=2000),
    queued_at=fields.Instant(),
    sent_at=fields.Instant(optional=True),
)

list_mails = method(
    "notifications.list_mails",
    takes={"state": fields.Choice(MailState, optional=True)},
    gives={"items": fields.List(fields.Nested(Mail))},
    callers={"operator"},
)
list_parked = list_parked_of("notifications")
replay_parked = replay_parked_of("notifications")
discard_parked = discard_parked_of("notifications")
