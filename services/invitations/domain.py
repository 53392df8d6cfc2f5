"""Rules of invitations: who may be invited, for how long, and what may become of it. Pure functions of plain values."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from contracts.errors import Invalid
from contracts.invitations import (
    AccountIsOfAnotherKind,
    AddressIsRepeated,
    InvitationIsForSomeoneElse,
    InvitationIsOver,
    OnlyAdministratorsInviteAdministrators,
    TooManyPendingInvitations,
)
from contracts.organizations import GraceIsOver, StructureIsNotActive
from contracts.vocabulary import AccountKind, InvitationState, Role, may_hold

LIFETIME = timedelta(days=14)
CLAIM_LIFETIME = timedelta(hours=1)  # The time to fill in the form of a new account.
REPEATED_FOR = timedelta(hours=24)  # Who got no answer asks again: as long as a repeated call gets its first one.
MOST_LINES = 30  # In one batch.
MOST_PENDING = 50  # Per organization.
ABANDONED_AFTER = timedelta(seconds=10)  # Twice the deadline of the call that admits: nobody waits for its answer any more.

PENDING, ACCEPTING = InvitationState.PENDING, InvitationState.ACCEPTING
ACCEPTED, REFUSED = InvitationState.ACCEPTED, InvitationState.REFUSED

MOVES = {
    (PENDING, "accept"): ACCEPTING,
    (PENDING, "replace"): InvitationState.REPLACED,
    (ACCEPTING, "admit"): ACCEPTED,
    (ACCEPTING, "refuse"): REFUSED,
    # One acceptance may be attempted twice at once, by a double click or by the sweep. What organizations answered first
    # stands, but for an admission: it is a fact, whatever another attempt was told before.
    (ACCEPTED, "admit"): ACCEPTED,
    (ACCEPTED, "refuse"): ACCEPTED,
    (REFUSED, "admit"): ACCEPTED,
    (REFUSED, "refuse"): REFUSED,
}


def move(state: InvitationState, act: str) -> InvitationState:
    """The state that an act leads to; an invitation from which there is no way is over."""
    if (state, act) not in MOVES:
        raise InvitationIsOver()
    return MOVES[state, act]


def state_at(state: InvitationState, expires_at: datetime, now: datetime) -> InvitationState:
    """The state as it is seen now: a pending invitation expires with time alone."""
    return InvitationState.EXPIRED if state is PENDING and expires_at <= now else state


def check_is_under_way(state: InvitationState) -> None:
    """A link leads somewhere while the invitation waits for its answer, or for what follows from it."""
    if state not in (PENDING, ACCEPTING):
        raise InvitationIsOver()


def check_lets_in(state: InvitationState, *, ended_at: datetime | None, now: datetime) -> None:
    """A link lets its reader in while the invitation is under way, and again for a day after it did so."""
    if state is ACCEPTED and ended_at is not None and now < ended_at + REPEATED_FOR:
        return
    check_is_under_way(state)


def check_members_get_in(*, is_open: bool, is_staff: bool) -> None:
    """When the grace of a structure is over, its space is closed to its own people."""
    if not is_open and not is_staff:
        raise GraceIsOver()


def check_can_be_joined(*, is_active: bool) -> None:
    """Nobody is invited to a structure that has lost its convention, nor joins it, not even in its grace."""
    if not is_active:
        raise StructureIsNotActive()


def check_batch_size(line_count: int) -> None:
    """A batch has one line at least, and no more than a person can check."""
    if not 1 <= line_count <= MOST_LINES:
        raise Invalid.at("/invitees", f"Invitez de 1 à {MOST_LINES} personnes à la fois.")


def check_addresses_differ(email_keys: Sequence[str]) -> None:
    """A batch names nobody twice; each repetition is told at its line."""
    repeated = [line for line, key in enumerate(email_keys) if key in email_keys[:line]]
    if repeated:
        detail = "Cette adresse figure déjà plus haut."
        raise AddressIsRepeated(errors=[{"pointer": f"/invitees/{line}/email", "detail": detail} for line in repeated])


def check_roles_may_be_given(roles: Collection[Role], *, sender_role: Role) -> None:
    """Every member invites members; only an administrator invites an administrator."""
    if Role.ADMINISTRATOR in roles and sender_role is not Role.ADMINISTRATOR:
        raise OnlyAdministratorsInviteAdministrators()


def check_there_is_room(added_count: int, *, pending_count: int) -> None:
    """An organization has a bounded number of invitations that wait for an answer."""
    if pending_count + added_count > MOST_PENDING:
        raise TooManyPendingInvitations(most=MOST_PENDING, pending_count=pending_count)


def check_is_invited(address_key: str, *, invited_key: str) -> None:
    """An invitation is for one address, however it is spelt."""
    if address_key != invited_key:
        raise InvitationIsForSomeoneElse()


def check_kind(kind: AccountKind, *, wanted: AccountKind, one_kind_per_email: bool) -> None:
    """An employer joins structures, a prescriber joins organizations of prescribers; one account does both where it may."""
    if not may_hold(kind, wanted, one_kind_per_email=one_kind_per_email):
        raise AccountIsOfAnotherKind(wanted=wanted)
