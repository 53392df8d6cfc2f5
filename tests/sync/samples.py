"""Small files of the two views, written by hand: a value per column that is read, `x` in all others."""

import io

from services.sync.asp import COLUMNS, HEADINGS, Reading, View

STRUCTURE = {
    "asp_id": "2855",
    "siret": "01234567400027",
    "siret_signature": "01234567400019",
    "name": "ASSOCIATION LES JARDINS DU PONT",
    "naf": "8899B",
    "auth_email": "contact@jardins-du-pont.example",
    "extra_1": "",
    "extra_2": "",
    "extra_3": "BP 8",
    "street_number": "17",
    "number_complement": "BIS",
    "street_type": "RUE",
    "street": "DU MOULIN",
    "post_code": "54000",
    "city": "NANCY",
    "insee_code": "54395",
    "phone": "353010203",
}
ANNEX = {
    "asp_id": "2855",
    "measure": "ACI_DC",
    "number_prefix": "ACI054260019",
    "renewal": "0",
    "amendment": "1",
    "state": "VALIDE",
    "starts_on": "01/07/2026",
    "ends_on": "31/12/2026",
}
CELLS = {View.STRUCTURE: STRUCTURE, View.ANNEX: ANNEX}


def record(view, **changes):
    """A record of the view, as a list of values; `changes` by our names of columns."""
    cells = CELLS[view] | changes
    ours = {theirs: name for name, theirs in COLUMNS[view].items()}
    return [cells[ours[theirs]] if theirs in ours else "x" for theirs in HEADINGS[view]]


def text(view, *records, deb=True, heading=None, fin=True, encoding="utf-8"):
    """The bytes of a file: `fin` is True, False, or the number to announce."""
    width = len(heading or HEADINGS[view])
    lines = ["|".join(heading or HEADINGS[view]), *("|".join(values) for values in records)]
    if deb:
        lines.insert(0, f"DEB{view}20112026_081500" + "|" * (width - 1))
    if fin is not False:
        lines.append(f"FIN{len(records) if fin is True else fin}" + "|" * (width - 1))
    return "".join(f"{line}\n" for line in lines).encode(encoding)


def read(view, content, **options):
    """What a file's bytes give: its report, and all that was read."""
    reading = Reading(io.BytesIO(content), view, **options)
    found = list(reading)
    return reading.report, found
