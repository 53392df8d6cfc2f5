"""Asking organizations to let a newly confirmed account join what it signed up for: at once, and again until answered."""

from typing import Any

from chassis import log
from chassis.call import Calling
from chassis.db import Work
from chassis.wire import CallFailed
from contracts import organizations
from contracts.errors import Refusal
from services.accounts import actions
from services.accounts.domain import JoinOutcome, RememberedJoin

_log = log.get()


def claim_structure(call: Calling, join: RememberedJoin | None) -> JoinOutcome | None:
    """What organizations answers for good; whatever may heal is raised. Nothing to join: no answer."""
    if join is None:
        return None
    request: dict[str, Any] = {"account_id": join.account_id, "magic_link_id": join.magic_link_id}
    try:
        call.as_service(organizations.claim_structure, **request)
    except Refusal as refusal:
        if type(refusal) not in organizations.claim_structure.refuses:
            raise
        _log.info("structure_not_joined", account_id=str(join.account_id), refusal=type(refusal).__name__)
        return JoinOutcome("refuse", type(refusal).__name__)
    return JoinOutcome("join")


def claim_at_once(db: Work, call: Calling, *, token: str) -> None:
    """Join before the person's next page, where that works now; else it is left to the event that was announced."""
    try:
        join = db.step(actions.find_join_of_link, token=token)
        outcome = claim_structure(call, join)
        if join is not None:
            db.step(actions.settle_join, account_id=join.account_id, outcome=outcome)
    except (Refusal, CallFailed) as error:
        _log.warning("join_left_to_event", error=type(error).__name__)
