"""Opens a delivery of the ASP: one archive, or the files of the two views, whatever their names say.

Extensions lie (ZIPs named `.gz`), so magic bytes decide; contents are streamed, and nothing is ever written to disk.
"""

import gzip
import io
import re
import stat
import struct
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from services.sync.asp import VIEWS, View, view_of
from services.sync.findings import FileRefused

_ZIP, _EMPTY_ZIP, _GZIP = b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b"
_NAMED_VIEW = re.compile(r"fluxIAE_([A-Za-z]+)_")
MOST_NAMED = 10  # Files, or what is wrong with them, in one refusal.
_READ_ERRORS = (EOFError, OSError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)


class DeliveryRefused(FileRefused):
    """A delivery that cannot be opened, or does not hold each view exactly once."""


@dataclass(frozen=True)
class Limits:
    """What an archive may cost; a whole delivery has 35 files, and its text packs some 30 times smaller."""

    entries: int = 200
    directory_bytes: int = 1024 * 1024  # The list of an archive's entries, which is read at once.
    unpacked_bytes: int = 2 * 1024**3  # Of one view.
    ratio: int = 300  # Unpacked to packed, once `ratio_from_bytes` have come out.
    ratio_from_bytes: int = 16 * 1024**2

    def allowed_bytes(self, packed_bytes: int) -> int:
        """How much may come out of so many bytes."""
        return min(self.unpacked_bytes, max(packed_bytes * self.ratio, self.ratio_from_bytes))


@dataclass(frozen=True)
class Source:
    """Where a view stands: a file, and an entry of it when it is an archive."""

    path: Path
    title: str  # What the operator calls the file; deliveries rest under identifiers.
    entry: zipfile.ZipInfo | None = None

    @property
    def name(self) -> str:
        """What the operator knows it by."""
        return f"{self.title} › {self.entry.filename}" if self.entry else self.title

    @property
    def named_view(self) -> str | None:
        """The view that its name says, None when it says none."""
        named = _NAMED_VIEW.search(self.entry.filename if self.entry else self.title)
        return named and named[1]


@dataclass(frozen=True)
class Delivery:
    """A delivery whose two views have been found; each may be opened again."""

    sources: dict[View, Source]
    limits: Limits

    @contextmanager
    def open(self, view: View) -> Iterator[BinaryIO]:
        """The view's text, streamed; reading it raises DeliveryRefused when the file is damaged or unpacks beyond the limits."""
        with _opened(self.sources[view], self.limits, buffer_size=256 * 1024) as stream:
            yield stream


class _Search:
    """What a delivery's files turn out to be, one after the other."""

    def __init__(self) -> None:
        self.found: dict[View, list[Source]] = {view: [] for view in View}
        self.named: dict[View, list[Source]] = {view: [] for view in View}
        self.refusals: dict[View | None, list[str]] = defaultdict(list)
        self.others: list[str] = []
        self.of_other_views: list[str] = []

    def look_at(self, source: Source, limits: Limits) -> None:
        """Note the view of a file, by its first line, else by its name; a name of another view spares opening it."""
        name = source.named_view
        if name and name not in VIEWS:
            self.of_other_views.append(source.name)
            return
        named = VIEWS[name] if name else None
        try:
            view = _view_in(source, limits) or named
        except DeliveryRefused as refusal:  # Only matters when a view is missing: a delivery has many other files.
            self.refusals[named].append(refusal.message)
            return
        if view is None:
            self.others.append(source.name)
            return
        self.found[view].append(source)
        if named:
            self.named[named].append(source)

    def check_not_twice(self) -> None:
        for view, sources in self.found.items():
            if len(sources) > 1:
                names = ", ".join(source.name for source in sources[:MOST_NAMED])
                raise DeliveryRefused(f"La vue « {view} » figure plusieurs fois : {names}.")

    def source_of(self, view: View) -> Source:
        """The file of a view; one that bears its name and holds another is for the parser, which says so."""
        for source in (*self.found[view], *self.named[view]):
            return source
        causes = [*self.refusals[view], *self.refusals[None], *self.others] or self.of_other_views
        seen = f" Reçu, sans vue utile : {' ; '.join(causes[:MOST_NAMED])}" if causes else ""
        raise DeliveryRefused(f"Aucun fichier de la vue « {view} » dans la livraison.{seen}")


def open_delivery(paths: Iterable[Path | tuple[Path, str]], limits: Limits | None = None) -> Delivery:
    """The delivery that the files hold together; a path may come with the name that people know it by.

    Raises DeliveryRefused unless each view is found exactly once.
    """
    limits, search = limits or Limits(), _Search()
    for given in paths:
        path, title = given if isinstance(given, tuple) else (given, given.name)
        for source in _sources(path, title, limits):
            search.look_at(source, limits)
    search.check_not_twice()  # What is there twice explains what is missing.
    return Delivery({view: search.source_of(view) for view in View}, limits)


def _sources(path: Path, title: str, limits: Limits) -> list[Source]:
    """What a file holds: itself, or the entries of the archive that it is."""
    with _reading(title), path.open("rb") as file:
        if _magic(file) not in (_ZIP, _EMPTY_ZIP):
            return [Source(path, title)]
        with _archive(file, title, limits) as archive:
            return [Source(path, title, entry) for entry in archive.infolist() if not entry.is_dir()]


def _view_in(source: Source, limits: Limits) -> View | None:
    """The view that a file's first line tells."""
    with _opened(source, limits, buffer_size=4096) as stream:  # Little: a delivery has many files.
        return view_of(stream.readline(64 * 1024).decode("utf-8-sig", "replace").rstrip("\r\n"))


@contextmanager
def _opened(source: Source, limits: Limits, *, buffer_size: int) -> Iterator[BinaryIO]:
    with ExitStack() as stack:
        with _reading(source.name):
            stream: IO[bytes] = stack.enter_context(source.path.open("rb"))
            packed_bytes = source.path.stat().st_size
            if source.entry:
                archive = stack.enter_context(_archive(stream, source.title, limits))
                stream = stack.enter_context(archive.open(_readable(source.entry, source.name, limits)))
                packed_bytes = source.entry.compress_size
            stream = stack.enter_context(_unpacked(stream, source.name, limits))
        metered = _Metered(stream, source.name, packed_bytes, limits)
        yield stack.enter_context(io.BufferedReader(metered, buffer_size=buffer_size))  # type: ignore[type-var]


@contextmanager
def _unpacked(stream: IO[bytes], name: str, limits: Limits) -> Iterator[IO[bytes]]:
    """The stream's text, from under one envelope at most: the ASP puts ZIPs named `.gz` inside its archive."""
    magic = _magic(stream)
    with ExitStack() as stack:
        if magic[:2] == _GZIP:
            stream = stack.enter_context(gzip.open(stream))  # type: ignore[arg-type]
        elif magic == _ZIP:
            archive = stack.enter_context(_archive(stream, name, limits))
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) != 1:
                raise DeliveryRefused(f"{name} : une archive imbriquée doit contenir un seul fichier, pas {len(entries)}.")
            stream = stack.enter_context(archive.open(_readable(entries[0], name, limits)))
        inner = _magic(stream)
        if inner[:2] == _GZIP or inner in (_ZIP, _EMPTY_ZIP):
            raise DeliveryRefused(f"{name} : trop d'archives imbriquées.")
        yield stream


def _magic(stream: IO[bytes]) -> bytes:
    magic = stream.read(4)
    stream.seek(0)
    return magic


@contextmanager
def _archive(file: IO[bytes], name: str, limits: Limits) -> Iterator[zipfile.ZipFile]:
    _check_directory(file, name, limits)
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if _leads_outside(entry):
                raise DeliveryRefused(f"{name} : l'archive contient un chemin ou un lien interdit.")
        yield archive


def _check_directory(file: IO[bytes], name: str, limits: Limits) -> None:
    """Refuses an archive that announces too many entries, before its list is read whole into memory."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 66_000))  # The end record, its comment of 65,535 bytes at most, and the locator before it.
    tail = file.read()
    file.seek(0)
    end = tail.rfind(_EMPTY_ZIP)
    if end < 0 or len(tail) < end + 22:
        raise DeliveryRefused(f"{name} : l'archive est incomplète ou abîmée.")
    entries, directory_bytes = struct.unpack("<HI", tail[end + 10 : end + 16])
    is_zip64 = tail[max(0, end - 20) : end].startswith(b"PK\x06\x07")  # Its counts stand elsewhere; deliveries need no such size.
    if is_zip64 or entries > limits.entries or directory_bytes > limits.directory_bytes:
        raise DeliveryRefused(f"{name} : l'archive annonce trop de fichiers ({limits.entries} au plus).")


def _leads_outside(entry: zipfile.ZipInfo) -> bool:
    # Nothing is written by these names; but an archive that holds one was not made by the ASP.
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or stat.S_ISLNK(entry.external_attr >> 16)


def _readable(entry: zipfile.ZipInfo, name: str, limits: Limits) -> zipfile.ZipInfo:
    if entry.flag_bits & 0x1:
        raise DeliveryRefused(f"{name} : l'archive est protégée par un mot de passe ; déchiffrez-la avant de la déposer.")
    # The announced size binds: zipfile gives no byte beyond it.
    if entry.file_size > limits.allowed_bytes(entry.compress_size):
        raise DeliveryRefused(f"{name} : l'archive annonce {entry.file_size} octets, plus que la taille permise.")
    return entry


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Damage met while reading is a refusal."""
    try:
        yield
    except FileNotFoundError:
        raise DeliveryRefused(f"{name} : le fichier est introuvable.") from None
    except _READ_ERRORS as error:
        raise DeliveryRefused(f"{name} : l'archive est incomplète ou abîmée ({type(error).__name__}).") from error


class _Metered(io.RawIOBase):
    """A stream that stops a bomb: what comes out is counted against the limits and against what went in."""

    def __init__(self, stream: IO[bytes], name: str, packed_bytes: int, limits: Limits) -> None:
        self._stream, self._name = stream, name
        self._unpacked_bytes, self._allowed_bytes = 0, limits.allowed_bytes(packed_bytes)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        with _reading(self._name):
            data = self._stream.read(len(buffer))
        self._unpacked_bytes += len(data)
        if self._unpacked_bytes > self._allowed_bytes:
            raise DeliveryRefused(f"{self._name} : le contenu dépasse la taille permise ({self._allowed_bytes} octets).")
        buffer[: len(data)] = data
        return len(data)
