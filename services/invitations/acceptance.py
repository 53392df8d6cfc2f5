"""Accepting an invitation, a story that crosses services: forwards only, and resumed after a crash.

First the invitation is `accepting`, committed; then organizations admits the account, once per invitation; then its answer ends
the story. Whatever fails in between leaves `accepting`, which the sweep takes up again.
"""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis import log
from chassis.call import Calling
from chassis.db import Work
from chassis.subject import sign
from chassis.wire import CallFailed
from contracts import accounts, organizations
from contracts.errors import Refusal
from contracts.vocabulary import InvitationState
from services.invitations import actions, domain
from services.invitations.models import Invitation

_log = log.get()


def check_acceptance(db: Work, call: Calling, signing_key: Ed25519PrivateKey, *, token: str) -> dict[str, Any]:
    """A claim that accounts can trust: who holds it reads the mail of this address, and is invited to what may be joined."""
    invitation, now = db.step(actions.find_admission, token=token)
    if invitation.state is not InvitationState.ACCEPTED:  # What was joined may be closed since: the answer is the same again.
        standing = call.as_service(organizations.get_standing, organization_id=invitation.organization_id)
        domain.check_can_be_joined(is_active=standing["is_active"])
    claims = {
        "iss": "invitations",
        "purpose": "admission",
        "email": invitation.email,
        "kind": invitation.account_kind,
        "invitation_id": str(invitation.invitation_id),
        "proves_address": True,
        "exp": (now + domain.CLAIM_LIFETIME).timestamp(),
    }
    return {"claim": sign(claims, signing_key), "email": invitation.email}


def accept_invitation(db: Work, call: Calling, *, token: str, one_kind_per_email: bool) -> Any:
    """Who asks is a member; answered alike when they ask again."""
    account_id = db.step(actions.find_acceptance, token=token)
    contacts = call.as_service(accounts.get_contacts, account_ids=[account_id])["items"]
    invitation = db.step(actions.begin_acceptance, token=token, contacts=contacts, one_kind_per_email=one_kind_per_email)
    if invitation.state is InvitationState.ACCEPTED:
        return invitation  # Not admitted again: they may have been removed since.
    return _admit(db, call, invitation)


def resume_acceptances(db: Work, call: Calling) -> None:
    """Every acceptance that was left on its way is ended, or tried again at the next turn."""
    for invitation in db.step(actions.list_abandoned_acceptances):
        try:
            _admit(db, call, invitation)
        except (Refusal, CallFailed) as error:  # One that fails does not keep the others waiting.
            _log.warning("acceptance_not_concluded", invitation_id=str(invitation.invitation_id), **log.describe(error))


def _admit(db: Work, call: Calling, invitation: Invitation) -> Any:
    try:
        call.as_service(
            organizations.admit_member,
            organization_id=invitation.organization_id,
            account_id=invitation.account_id,
            role=invitation.role,
            invitation_id=invitation.invitation_id,
        )
    except Refusal as refusal:
        # Only what the method declares, and nothing derived from it, is its last word: an outage, or an identity that is
        # not believed because a clock is wrong, says nothing about the organization.
        if type(refusal) in organizations.admit_member.refuses:
            reason = type(refusal).__name__
            db.step(actions.refuse_acceptance, invitation_id=invitation.invitation_id, refusal=reason)
        raise
    return db.change(actions.conclude_acceptance, invitation_id=invitation.invitation_id)
