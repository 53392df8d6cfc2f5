"""Asking organizations to let a newly confirmed account join what it signed up for: at once, and again until answered.

Three ask, each for what the former left: the confirmation itself, its event, and a sweep, since an event is set aside dead by a
refusal that is not an answer (a key that was changed, a caller not yet declared) and after a day of outage.
"""

from typing import Any

from chassis import log
from chassis.call import Calling
from chassis.db import Work
from chassis.wire import CallFailed
from contracts import organizations
from contracts.errors import Refusal
from services.accounts import actions
from services.accounts.domain import JoinOutcome, RememberedJoin

CLAIM_SECONDS = 2.0  # A person waits for the confirmation, which is done: longer than this, the join comes later.

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
        _conclude(db, call, join)
    except (Refusal, CallFailed) as error:
        _log.warning("join_left_to_event", error=type(error).__name__)


def resume_joins(db: Work, call: Calling) -> None:
    """Every join that was left on its way is settled, or asked for again at the next turn."""
    for join in db.step(actions.list_remembered_joins):
        try:
            _conclude(db, call, join)
        except (Refusal, CallFailed) as error:  # One that fails does not keep the others waiting.
            _log.warning("join_not_settled", account_id=str(join.account_id), **log.describe(error))


def _conclude(db: Work, call: Calling, join: RememberedJoin | None) -> None:
    outcome = claim_structure(call.within(CLAIM_SECONDS), join)
    if join is not None:
        db.step(actions.settle_join, account_id=join.account_id, outcome=outcome)
