"""Records as the ASP writes them: 37 and 128 values, columns addressed by their number in the ASP's documents."""

from datetime import date, timedelta

from services.sync.asp import ANNEX_HEADING, STRUCTURE_HEADING
from services.sync.generator.world import Annex, Structure

_MEASURES = {"AI": "1", "ACI": "2", "EI": "3", "ETTI": "4", "FDI": "5", "EITI": "6"}
_STATES = {
    "BROUILLON": "1", "SAISI": "2", "VALIDE": "3", "PROVISOIRE": "4", "REJETE": "5", "ANNULE": "7", "HISTORISE": "8",
    "CLOTURE": "9",
}  # fmt: skip
_HOURS = {
    "ACI": ("11", "1820.00"),
    "AI": ("12", "1607.00"),
    "EI": ("15", "1505.00"),
    "ETTI": ("14", "1600.00"),
    "EITI": ("15", "1505.00"),
}
_UNIT_AMOUNTS = {"ACI": 19897, "AI": 1347, "EI": 10200, "ETTI": 4400, "EITI": 5900}  # Of 2018; some 1.5 % more each year.
_LEGAL_FORMS = {
    "ACI": ("260", "9220"),
    "AI": ("260", "9220"),
    "EI": ("205", "5710"),
    "ETTI": ("205", "5710"),
    "EITI": ("205", "5710"),
}
# When a record took its states: column of the date, and days from the start of effect.
_STATE_DATES = {
    "BROUILLON": ((114, -60),),
    "SAISI": ((114, -60), (115, -40)),
    "REJETE": ((114, -60), (115, -40), (116, -20)),
    "PROVISOIRE": ((114, -60), (115, -40), (119, 4)),
    "VALIDE": ((114, -60), (115, -40), (120, 30), (127, 20), (128, 28)),
    "HISTORISE": ((114, -60), (115, -40), (120, 30), (121, 150), (127, 20), (128, 28)),
    "ANNULE": ((114, -60), (122, 10), (125, 20)),
    "CLOTURE": ((114, -60), (115, -40), (120, 30), (126, 200), (127, 20), (128, 28)),
}


def structure_record(structure: Structure) -> list[str]:
    """The 37 values of a body."""
    cells: dict[int, str] = {
        1: "01/02/2006 00:00:00", 2: "30/11/2017 00:00:00",
        3: str(structure.asp_id), 4: structure.siret_signature, 5: structure.siret, 6: structure.name,
        9: structure.naf, 10: "840", 11: "9999",
        34: f"{structure.person[0]}{structure.asp_id}", 35: structure.auth_email,
        36: structure.person[0], 37: structure.person[1],
    }  # fmt: skip
    cells[7], cells[8] = _LEGAL_FORMS[structure.kinds[0]]
    number, street_type, street = structure.street
    # The administrative address is elsewhere on purpose: who reads the wrong block shows a wrong street.
    for first, extra, line in ((12, "SIEGE", ("", "PL", "DE LA MAIRIE")), (23, "", (number, street_type, street))):
        cells |= {first: extra, first + 2: line[0], first + 4: line[1], first + 5: line[2]}
        cells |= {first + 7: structure.town.post_code, first + 8: structure.town.name, first + 9: structure.town.insee_code}
        cells |= {first + 10: structure.phone}
    if structure.asp_id % 7 == 0:
        cells |= {23: "BAT B", 29: "BP 8"}
    if structure.asp_id % 11 == 0:
        cells |= {26: "BIS"}
    return _row(cells, len(STRUCTURE_HEADING))


def annex_record(annex: Annex) -> list[str]:
    """The 128 values of an amendment."""
    cells = _identity(annex) | _accounts(annex) | _state_dates(annex)
    cells |= _development_fund(annex) if annex.kind == "FDI" else _funding(annex)
    return _row(cells | annex.overrides, len(ANNEX_HEADING))


def _row(cells: dict[int, str], width: int) -> list[str]:
    return [cells.get(number, "") for number in range(1, width + 1)]


def _identity(annex: Annex) -> dict[int, str]:
    return {
        1: str(annex.asp_id), 2: annex.convention, 3: _MEASURES[annex.kind], 4: f"{annex.kind}_{annex.law}",
        5: annex.prefix, 6: str(annex.renewal), 7: str(annex.amendment), 8: str(annex.annex_id), 9: str(annex.amendment_id),
        10: _written(annex.starts_on - timedelta(days=30)), 11: _STATES[annex.state], 12: annex.state, 13: "false", 14: "false",
        35: _written(annex.starts_on), 36: _written(annex.ends_on),
    }  # fmt: skip


def _accounts(annex: Annex) -> dict[int, str]:
    payroll = 100_000 + annex.annex_id % 400 * 1_000
    return {
        45: "false", 57: f"{payroll}.00", 58: f"{payroll // 2}.00", 59: str(payroll * 2), 61: str(annex.annex_id % 2_000),
        60: _written(date(annex.starts_on.year - 1, 12, 31)), 62: str(payroll // 3), 81: "false",
    }  # fmt: skip


def _funding(annex: Annex) -> dict[int, str]:
    """Posts funded, hours and amounts, forecasts: what records of integration measures hold."""
    posts, year = 2 + annex.annex_id % 30, annex.starts_on.year
    unit = round(_UNIT_AMOUNTS[annex.kind] * 1.015 ** max(0, year - 2018))
    reference, hours = _HOURS[annex.kind]
    filled = {15: "24", 16: "17.49", 17: "8", 18: "5.94", 21: "4", 22: "3.00", 27: "0", 28: "0.00", 29: "1", 30: "0.20"}
    forecast = {74: "10", 75: "50.00", 76: "20.00", 77: "10.00", 78: "20.00", 79: "35:00", 88: "false", 89: "false"}
    return filled | forecast | {
        37: f"{posts}.00", 38: reference, 39: "DUR_AN_ETP", 40: hours,
        41: str(40 + year % 100), 42: "MT_AN_ETP", 43: f"{unit}.00", 44: f"{posts * unit}.00",
    }  # fmt: skip


def _development_fund(annex: Annex) -> dict[int, str]:
    """Aid, advance and guarantees: what records of the development fund hold."""
    flags = dict.fromkeys((51, *range(95, 103), *range(105, 110)), "false")
    aid = 5_000 + annex.annex_id % 90 * 100
    return flags | {
        49: f"{aid}.00", 50: f"{aid * 6 // 10}.00", 52: "6", 53: "CONSOFI", 54: annex.description, 55: "60.00", 86: "true",
    }  # fmt: skip


def _state_dates(annex: Annex) -> dict[int, str]:
    dates = {column: _written(annex.starts_on + timedelta(days=days)) for column, days in _STATE_DATES[annex.state]}
    return dates | ({117: "175", 118: "CP_BANC_KO"} if annex.state == "REJETE" else {})


def _written(day: date) -> str:
    return f"{day:%d/%m/%Y}"
