"""What one record of a view means: a row, a record set aside with its reason, or one that is none of our business.

Column names here are ours; `asp.py` alone knows the ASP's headings.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email
from stdnum.fr import siret as siret_number

from contracts.vocabulary import SIAE_KINDS, AnnexState, StructureKind
from services.sync.findings import Fault, Reason

LONGEST_TEXT = 255  # What organizations store; a longer name is no name.


class Dropped(StrEnum):
    """Records that are none of our business: counted, neither kept nor set aside (ASP-12)."""

    PRISON = "prison"
    OTHER_MEASURE = "other_measure"


@dataclass(frozen=True, slots=True)
class StructureRow:
    """One body known to the ASP; empty text is an unknown value."""

    line_number: int = field(compare=False)
    asp_id: int
    siret: str
    siret_signature: str
    name: str
    naf: str
    auth_email: str | None
    phone: str
    address_line_1: str
    address_line_2: str
    post_code: str
    city: str
    insee_code: str
    department: str


@dataclass(frozen=True, slots=True)
class AnnexRow:
    """One amendment of a financial annex."""

    line_number: int = field(compare=False)
    asp_id: int
    kind: StructureKind
    number_prefix: str
    number: str
    state: AnnexState
    starts_on: date
    ends_on: date

    def is_active(self, today: date) -> bool:
        """Whether it counts today: last day included, start not looked at."""
        return self.state.is_active and today <= self.ends_on


_ASP_ID = re.compile(r"[0-9]{1,9}")
_SIRET = re.compile(r"[0-9]{14}")
_NAF = re.compile(r"[0-9]{4}[A-Z]")
_POST_CODE = re.compile(r"[0-9]{5}")
_MEASURE = re.compile(r"[A-Z]+_(DC|MP)")
_NUMBER = re.compile(r"(ACI|EI|AI|ETTI|EITI)[0-9]{2}[A-Z0-9][0-9]{6}A[0-9]M[0-9]")
_DATE = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")
_KINDS: Mapping[str, StructureKind] = {kind.value: kind for kind in SIAE_KINDS}
_STATES: Mapping[str, AnnexState] = {state.value: state for state in AnnexState}


def read_asp_id(text: str) -> int | None:
    """The ASP's number of a structure, None when it is not one."""
    return int(text) if _ASP_ID.fullmatch(text) else None


def read_measure(text: str) -> StructureKind | Dropped | None:
    """The kind that a measure is for, or why its records are none of our business; None for an empty cell."""
    if text.endswith("_MP"):
        return Dropped.PRISON
    return _KINDS.get(text.removesuffix("_DC")) or (Dropped.OTHER_MEASURE if text else None)


def read_sure_measure(text: str) -> StructureKind | Dropped | None:
    """The same of a cell that may be another column's: None unless it has the form of a measure."""
    return read_measure(text) if _MEASURE.fullmatch(text) else None


@lru_cache(maxsize=4096)
def read_date(text: str) -> date | None:
    """A date written day first, the pattern forced: guessing once swapped days and months (ASP-14)."""
    match = _DATE.fullmatch(text)
    try:
        return date(int(match[3]), int(match[2]), int(match[1])) if match else None
    except ValueError:
        return None


def department_of(post_code: str) -> str:
    """The département of a post code (ADR-02), empty where it cannot be told."""
    if post_code.startswith("20"):
        return {"0": "2A", "1": "2A", "7": "2A", "2": "2B", "4": "2B", "6": "2B"}.get(post_code[2], "")
    return post_code[:3] if post_code.startswith(("97", "98")) else post_code[:2]


def parse_structure(line_number: int, cell: dict[str, str]) -> tuple[StructureRow, list[Fault]]:
    """The row and what is odd in it; raises Fault when it must be set aside."""
    row = StructureRow(
        line_number=line_number,
        asp_id=_asp_id(cell),
        siret=_siret(cell, "siret"),
        siret_signature=_siret(cell, "siret_signature"),
        name=_name(cell),
        naf=_naf(cell),
        auth_email=_auth_email(cell["auth_email"]),
        phone=_phone(cell["phone"]),
        post_code=cell["post_code"] if _POST_CODE.fullmatch(cell["post_code"]) else "",
        city=_text(cell["city"]),
        insee_code=_text(cell["insee_code"]),
        department=department_of(cell["post_code"]) if _POST_CODE.fullmatch(cell["post_code"]) else "",
        **_address(cell),
    )
    if row.siret[:9] != row.siret_signature[:9]:
        raise Fault("siret", Reason.SIREN_CHANGED, row.siret)
    return row, _oddities(row, cell)


def _oddities(row: StructureRow, cell: dict[str, str]) -> list[Fault]:
    # The post office's establishments have their own check digit, which the library knows; others only earn a remark.
    faults = [
        Fault(column, Reason.CHECK_DIGIT, cell[column])
        for column in ("siret", "siret_signature")
        if not siret_number.is_valid(cell[column])
    ]
    if cell["auth_email"] and not row.auth_email:
        faults.append(Fault("auth_email", Reason.AUTH_EMAIL))
    if cell["phone"] and not row.phone:
        faults.append(Fault("phone", Reason.PHONE))
    if cell["post_code"] and not row.post_code:
        faults.append(Fault("post_code", Reason.POST_CODE, cell["post_code"]))
    return faults


def parse_annex(line_number: int, cell: dict[str, str]) -> tuple[AnnexRow | Dropped, list[Fault]]:
    """The row, or why it is dropped, and what is odd in it; raises Fault when it must be set aside (ASP-12)."""
    kind = read_measure(cell["measure"])
    if isinstance(kind, Dropped):
        return kind, []  # Whatever else is wrong with it.
    if kind is None:
        raise Fault("measure", Reason.MISSING_VALUE)
    for column, value in cell.items():
        if not value:
            raise Fault(column, Reason.MISSING_VALUE)

    number = f"{cell['number_prefix']}A{cell['renewal']}M{cell['amendment']}"
    match = _NUMBER.fullmatch(number)
    if not match:
        raise Fault("number_prefix", Reason.NUMBER, number)
    state = _STATES.get(cell["state"])
    if state is None:
        raise Fault("state", Reason.STATE, cell["state"])
    starts_on, ends_on = _date(cell, "starts_on"), _date(cell, "ends_on")
    if ends_on < starts_on:
        raise Fault("ends_on", Reason.DATES_REVERSED, cell["ends_on"])

    row = AnnexRow(line_number, _asp_id(cell), kind, cell["number_prefix"], number, state, starts_on, ends_on)
    return row, [] if match[1] == kind else [Fault("number_prefix", Reason.OTHER_KIND_IN_NUMBER, number)]


def _asp_id(cell: dict[str, str]) -> int:
    asp_id = read_asp_id(cell["asp_id"])
    if asp_id is None:
        raise Fault("asp_id", Reason.ASP_ID, cell["asp_id"])
    return asp_id


def _siret(cell: dict[str, str], column: str) -> str:
    siret = cell[column]
    if not _SIRET.fullmatch(siret) or not int(siret):  # Fourteen zeros have a right check digit.
        raise Fault(column, Reason.SIRET, siret)
    return siret


def _naf(cell: dict[str, str]) -> str:
    if not _NAF.fullmatch(cell["naf"]):
        raise Fault("naf", Reason.NAF, cell["naf"])
    return cell["naf"]


def _name(cell: dict[str, str]) -> str:
    name = _clean(cell["name"])
    if not name:
        raise Fault("name", Reason.MISSING_VALUE)
    if len(name) > LONGEST_TEXT or name.replace(" ", "").isdigit():
        raise Fault("name", Reason.NAME)
    return name


def _date(cell: dict[str, str], column: str) -> date:
    value = read_date(cell[column])
    if value is None:
        raise Fault(column, Reason.DATE, cell[column])
    return value


def _auth_email(text: str) -> str | None:
    if not text or "@" not in text or any(map(str.isspace, text)):
        return None
    try:
        validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return text


def _phone(text: str) -> str:
    digits = re.sub(r"[\s.\-]", "", text)
    if len(digits) == 9 and not digits.startswith("0"):
        digits = "0" + digits  # The file loses the leading zero of most phones (ASP-15).
    return digits if re.fullmatch(r"[0-9]{10}", digits) else ""


def _address(cell: dict[str, str]) -> dict[str, str]:
    """The two lines of an address; what there is stands on the first (ASP-43)."""
    line_1 = _text(" ".join(cell[part] for part in ("street_number", "number_complement", "street_type", "street")))
    line_2 = _text(" ".join(cell[part] for part in ("extra_1", "extra_2", "extra_3")))
    return {"address_line_1": line_1 or line_2, "address_line_2": line_2 if line_1 else ""}


def _text(text: str) -> str:
    return _clean(text)[:LONGEST_TEXT].rstrip()


def _clean(text: str) -> str:
    """Text in one Unicode form, control characters as spaces, spaces collapsed."""
    if not text.isprintable():
        text = "".join(" " if unicodedata.category(character) == "Cc" else character for character in text)
    return " ".join(unicodedata.normalize("NFC", text).split())
