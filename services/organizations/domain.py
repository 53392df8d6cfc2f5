"""Rules of structures and of those who act for them: pure functions of plain values."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum

from contracts.vocabulary import AnnexState, OrganizationSource, Role, StructureKind

MAGIC_LINK_LIFETIME = timedelta(days=14)
CLAIM_DELAY = timedelta(days=3)  # Who signed up in time has the life of a confirmation mail to confirm the address.
GRACE = timedelta(days=30)
STAFF_REACTIVATION_PROTECTS = timedelta(days=90)


class Status(StrEnum):
    """Whether a structure may act: fully, for the time left to renew its convention, or no longer."""

    ACTIVE = "active"
    IN_GRACE = "in_grace"
    ENDED = "ended"


def is_annex_active(state: AnnexState, ends_on: date, *, today: date) -> bool:
    """An annex counts up to and including its last day; its first day is not looked at."""
    return state.is_active and today <= ends_on


def is_convention_active(annexes: Iterable[tuple[AnnexState, date]], *, today: date) -> bool:
    """A convention is active as long as one of its annexes is."""
    return any(is_annex_active(state, ends_on, today=today) for state, ends_on in annexes)


def last_day_of_grace(deactivated_on: date) -> date:
    """The last day on which members of a structure without active convention still get in."""
    return deactivated_on + GRACE


def status(
    *,
    kind: StructureKind,
    source: OrganizationSource,
    convention_is_active: bool | None,
    deactivated_on: date | None,
    today: date,
) -> Status:
    """What a structure may do today; `convention_is_active` is None where there is no convention."""
    if not kind.is_conventioned or source == OrganizationSource.STAFF_CREATED or convention_is_active:
        return Status.ACTIVE
    if deactivated_on is not None and today <= last_day_of_grace(deactivated_on):
        return Status.IN_GRACE
    return Status.ENDED


def role_on_joining(wanted: Role, *, has_members: bool) -> Role:
    """The first active member is administrator, whatever was asked for."""
    return wanted if has_members else Role.ADMINISTRATOR


def is_link_open(*, expires_at: datetime, closed_at: datetime | None, now: datetime) -> bool:
    """A magic link opens until it expires or somebody joins the structure; anybody may have another one sent meanwhile."""
    return closed_at is None and now < expires_at


def is_claim_in_time(*, expires_at: datetime, closed_at: datetime | None, now: datetime) -> bool:
    """Who signed up by a link that was open then may claim, for as long as the address may still be confirmed."""
    return closed_at is None and now < expires_at + CLAIM_DELAY


def masked_email(address: str) -> str:
    """First and last character of the local part, stars between; enough to recognize, not enough to write to."""
    local, _, host = address.rpartition("@")
    shown = local[0] + "*" * (len(local) - 2) + local[-1] if len(local) > 2 else local[:-1] + "*"
    return f"{shown}@{host}"


def display_name(name: str, brand: str) -> str:
    """The name that a structure goes by: its brand, or what its papers say."""
    return brand or name


def number_range(company_number: str) -> tuple[str, str]:
    """The first and last SIRET of a SIREN; a SIRET is its own range."""
    return company_number.ljust(14, "0"), company_number.ljust(14, "9")
