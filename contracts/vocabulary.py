"""Enumerations: the words that services share, and what follows from a word alone. Standard library only.

Codes are spelt as the State spells them; labels are what people read.
"""

from enum import StrEnum

SERVICES = ("accounts", "organizations", "invitations", "notifications", "sync")
CALLERS = (*SERVICES, "gateway", "operator")


class AccountKind(StrEnum):
    """One kind per e-mail address. The last two are reserved, nothing more."""

    EMPLOYER = "employer"
    PRESCRIBER = "prescriber"
    STAFF = "staff"
    JOB_SEEKER = "job_seeker"
    LABOR_INSPECTOR = "labor_inspector"


PROFESSIONALS = frozenset({AccountKind.EMPLOYER, AccountKind.PRESCRIBER})


def may_hold(held: AccountKind, wanted: AccountKind, *, one_kind_per_email: bool) -> bool:
    """Whether an account of one kind also serves for another: the one place of « one kind per e-mail » (F-52, G-07)."""
    if held == wanted:
        return True
    return not one_kind_per_email and {held, wanted} <= PROFESSIONALS


class SubjectKind(StrEnum):
    """Who asks: an account of some kind, nobody yet, or a service on its own behalf."""

    VISITOR = "visitor"
    EMPLOYER = "employer"
    PRESCRIBER = "prescriber"
    STAFF = "staff"
    SERVICE = "service"


class Role(StrEnum):
    """What a member may do for an organization."""

    MEMBER = "member"
    ADMINISTRATOR = "administrator"


class StructureKind(StrEnum):
    """Kinds of employers."""

    EI = "EI"
    AI = "AI"
    ACI = "ACI"
    ETTI = "ETTI"
    EITI = "EITI"
    GEIQ = "GEIQ"
    EA = "EA"
    EATT = "EATT"

    @property
    def label(self) -> str:
        return _STRUCTURE_LABELS[self]

    @property
    def is_conventioned(self) -> bool:
        """Whether the right to act comes from a convention (SIAE), as told by the ASP."""
        return self in SIAE_KINDS


_STRUCTURE_LABELS = {
    StructureKind.EI: "Entreprise d'insertion",
    StructureKind.AI: "Association intermédiaire",
    StructureKind.ACI: "Atelier chantier d'insertion",
    StructureKind.ETTI: "Entreprise de travail temporaire d'insertion",
    StructureKind.EITI: "Entreprise d'insertion par le travail indépendant",
    StructureKind.GEIQ: "Groupement d'employeurs pour l'insertion et la qualification",
    StructureKind.EA: "Entreprise adaptée",
    StructureKind.EATT: "Entreprise adaptée de travail temporaire",
}
SIAE_KINDS = frozenset({StructureKind.EI, StructureKind.AI, StructureKind.ACI, StructureKind.ETTI, StructureKind.EITI})


class OrganizationSource(StrEnum):
    """Where a structure's record comes from."""

    ASP = "ASP"
    GEIQ = "GEIQ"
    EA_EATT = "EA_EATT"
    USER_CREATED = "USER_CREATED"
    STAFF_CREATED = "STAFF_CREATED"


class AnnexState(StrEnum):
    """States of a financial annex, as the ASP writes them."""

    BROUILLON = "BROUILLON"
    SAISI = "SAISI"
    REJETE = "REJETE"
    PROVISOIRE = "PROVISOIRE"
    VALIDE = "VALIDE"
    HISTORISE = "HISTORISE"
    ANNULE = "ANNULE"
    CLOTURE = "CLOTURE"

    @property
    def is_active(self) -> bool:
        return self in (AnnexState.VALIDE, AnnexState.PROVISOIRE)


class JoinState(StrEnum):
    """Where the joining that a sign-up remembers stands."""

    REMEMBERED = "remembered"
    JOINED = "joined"
    REFUSED = "refused"


class InvitationState(StrEnum):
    """Where an invitation stands; `expired` is computed from the time, never stored."""

    PENDING = "pending"
    ACCEPTING = "accepting"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    DECLINED = "declined"
    REPLACED = "replaced"
    REFUSED = "refused"


class RunState(StrEnum):
    """Where a delivery's run stands in sync."""

    RECEIVED = "received"
    STAGED = "staged"
    SENT = "sent"
    PLANNED = "planned"
    APPLYING = "applying"
    APPLIED = "applied"
    REFUSED = "refused"


class DeliveryState(StrEnum):
    """Where a delivery stands in organizations."""

    RECEIVING = "receiving"
    PLANNED = "planned"
    APPLYING = "applying"
    APPLIED = "applied"


class MailState(StrEnum):
    """Where a mail stands."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    CANCELLED = "cancelled"


class LinkPurpose(StrEnum):
    """What a mailed link is for; its owner is the service that answers `get_mail_link` for it."""

    MAGIC_LINK = "magic_link"
    EMAIL_CONFIRMATION = "email_confirmation"
    INVITATION = "invitation"
