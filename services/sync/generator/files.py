"""Files of a delivery, in the envelopes that they come in and with the damage that they suffer; the same bytes each time."""

import gzip
import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from services.sync.asp import HEADINGS, View


class Envelope(StrEnum):
    """How files are wrapped, or damaged."""

    GZIP = "gzip"
    ZIP = "zip"  # A ZIP named `.gz`, as in real deliveries.
    PLAIN = "plain"
    ARCHIVE = "archive"  # One ZIP holding both files, each a ZIP named `.gz`.
    NO_FIN = "no-fin"  # Of the annexes: structures always have it.
    TRUNCATED = "truncated"  # FIN announces more records than there are.
    LATIN_1 = "latin-1"


def render(view: View, records: Iterable[Sequence[str]], *, extracted_at: datetime, envelope: Envelope = Envelope.GZIP) -> bytes:
    """The text of a view's file, as bytes."""
    width = len(HEADINGS[view])
    lines = ["|".join(record) for record in records]
    fin = len(lines) + (7 if envelope is Envelope.TRUNCATED else 0)
    lines = [_padded(f"DEB{view}{stamp(extracted_at)}", width), "|".join(HEADINGS[view]), *lines]
    if envelope is not Envelope.NO_FIN or view is View.STRUCTURE:
        lines.append(_padded(f"FIN{fin}", width))
    return "".join(f"{line}\n" for line in lines).encode("latin-1" if envelope is Envelope.LATIN_1 else "utf-8", "replace")


def wrap(texts: dict[View, bytes], *, extracted_at: datetime, envelope: Envelope = Envelope.GZIP) -> dict[str, bytes]:
    """The delivery's files, by name."""
    names = {view: f"fluxIAE_{view}_{stamp(extracted_at)}.csv" for view in texts}
    if envelope is Envelope.PLAIN:
        return {names[view]: text for view, text in texts.items()}
    wrapped = _zipped if envelope in (Envelope.ZIP, Envelope.ARCHIVE) else _gzipped
    files = {f"{names[view]}.gz": wrapped({names[view]: text}) for view, text in texts.items()}
    if envelope is Envelope.ARCHIVE:
        return {f"fluxIAE_ITOU_{stamp(extracted_at)}.tar.gz": _zipped(files)}
    return files


def stamp(moment: datetime) -> str:
    """`20112026_081500`: as in names and DEB lines."""
    return f"{moment:%d%m%Y_%H%M%S}"


def _padded(text: str, width: int) -> str:
    return text + "|" * (width - 1)


def _gzipped(files: dict[str, bytes]) -> bytes:
    (text,) = files.values()
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as target:  # A time stamp would change the bytes.
        target.write(text)
    return packed.getvalue()


def _zipped(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()
