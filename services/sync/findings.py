"""What sync has to say of a record: why it is set aside, or what is odd in it, in French sentences for the operator."""

from dataclasses import dataclass
from enum import StrEnum

from contracts.vocabulary import StructureKind


class Reason(StrEnum):
    """Why a record is set aside, or remarked upon: codes are stored, so they only change on purpose."""

    FIELD_COUNT = "field_count"
    MISSING_VALUE = "missing_value"
    ASP_ID = "asp_id"
    SIRET = "siret"
    SIREN_CHANGED = "siren_changed"
    NAF = "naf"
    NAME = "name"
    NUMBER = "number"
    STATE = "state"
    DATE = "date"
    DATES_REVERSED = "dates_reversed"
    REPEATED_ASP_ID = "repeated_asp_id"
    NUMBER_NOT_UNIQUE = "number_not_unique"
    CHECK_DIGIT = "check_digit"
    AUTH_EMAIL = "auth_email"
    PHONE = "phone"
    POST_CODE = "post_code"
    OTHER_KIND_IN_NUMBER = "other_kind_in_number"


# Neither addresses nor phones are repeated: these sentences are stored, listed and logged.
SENTENCES = {
    Reason.FIELD_COUNT: "La ligne a {value} annoncés.",
    Reason.MISSING_VALUE: "Cette valeur est obligatoire et elle est vide.",
    Reason.ASP_ID: "« {value} » n'est pas un numéro de structure de l'ASP.",
    Reason.SIRET: "« {value} » n'est pas un SIRET : 14 chiffres sont attendus.",
    Reason.SIREN_CHANGED: "Le SIRET actuel {value} n'a pas le même SIREN que le SIRET à la signature.",
    Reason.NAF: "« {value} » n'est pas un code NAF : 4 chiffres et une lettre sont attendus.",
    Reason.NAME: "La dénomination n'est faite que de chiffres, ou dépasse 255 caractères.",
    Reason.NUMBER: "« {value} » n'est pas un numéro d'annexe financière.",
    Reason.STATE: "« {value} » n'est pas un état connu d'annexe financière.",
    Reason.DATE: "« {value} » n'est pas une date : jj/mm/aaaa est attendu.",
    Reason.DATES_REVERSED: "La fin d'effet ({value}) précède le début.",
    Reason.REPEATED_ASP_ID: "La structure {value} figure sur plusieurs lignes : toutes sont écartées.",
    Reason.NUMBER_NOT_UNIQUE: "Plusieurs annexes actives portent le numéro {value} : toutes sont écartées.",
    Reason.CHECK_DIGIT: "La clé de contrôle du SIRET {value} est fausse ; la ligne est gardée.",
    Reason.AUTH_EMAIL: "L'adresse e-mail du correspondant technique est inutilisable ; elle est ignorée.",
    Reason.PHONE: "Le téléphone n'a pas 10 chiffres ; il est ignoré.",
    Reason.POST_CODE: "« {value} » n'est pas un code postal ; il est ignoré.",
    Reason.OTHER_KIND_IN_NUMBER: "Le numéro {value} commence par un autre type que la mesure ; la ligne est gardée.",
}


class FileRefused(Exception):
    """A file that cannot be taken at all; the message says what and where, in French, for the operator."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Fault(Exception):
    """The record cannot be taken: the column at fault, why, and the value that may be shown."""

    def __init__(self, column: str | None, reason: Reason, value: object = "") -> None:
        super().__init__(column, reason, value)
        self.column, self.reason, self.value = column, reason, value


@dataclass(frozen=True, slots=True)
class Reject:
    """A record set aside. Its key is unknown, never absent: it keeps what was last applied.

    Without a kind it may have told of any; without an asp_id, of any structure that is missing.
    """

    line_number: int
    column: str | None
    reason: Reason
    message: str
    asp_id: int | None = None
    kind: StructureKind | None = None


@dataclass(frozen=True, slots=True)
class Remark:
    """Something odd in a record that is taken nevertheless."""

    line_number: int
    column: str | None
    reason: Reason
    message: str
    asp_id: int | None = None


def reject(
    line_number: int,
    column: str | None,
    reason: Reason,
    value: object = "",
    asp_id: int | None = None,
    kind: StructureKind | None = None,
) -> Reject:
    """A reject with its sentence."""
    return Reject(line_number, column, reason, sentence(reason, value), asp_id, kind)


def field_count(found: int, announced: int) -> Fault:
    """The record has not as many fields as the titles announce."""
    return Fault(None, Reason.FIELD_COUNT, f"{found} champ{'s' if found > 1 else ''} au lieu des {announced}")


def sentence(reason: Reason, value: object = "") -> str:
    """What is said to the operator; a value is cut so that a bad file cannot flood the report."""
    return SENTENCES[reason].format(value=str(value)[:60])
