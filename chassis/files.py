"""The files port: what was uploaded, by id, in a directory that participants share; size and SHA-256 travel beside the id."""

import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from chassis.ids import new_id

CHUNK = 1024 * 1024
PARTIAL = ".part"


class FileIsNotThere(Exception):
    """No such file, or not the one whose size and digest were told."""


@dataclass(frozen=True)
class StoredFile:
    """One stored file; `sha256` in hexadecimal."""

    file_id: UUID
    name: str
    size: int
    sha256: str


class Files:
    """Files in a directory, under names made from their ids, never from what people call them.

    Only the user under whom participants run may read them: they hold personal data.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, source: BinaryIO, name: str) -> StoredFile:
        """Store a stream whole or not at all."""
        self._directory.mkdir(parents=True, exist_ok=True)
        file_id, digest, size = new_id(), hashlib.sha256(), 0
        partial = self._partial_path(file_id)
        try:
            with open(partial, "xb", opener=_open_private) as target:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    target.write(chunk)
                target.flush()
                os.fsync(target.fileno())
            partial.rename(self._path(file_id))
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return StoredFile(file_id, name, size, digest.hexdigest())

    def checked_path(self, file: StoredFile) -> Path:
        """Where a file lies, once its size and digest are those told."""
        path = self._path(file.file_id)
        try:
            with path.open("rb") as source:
                digest = hashlib.file_digest(source, "sha256").hexdigest()
        except FileNotFoundError:
            raise FileIsNotThere() from None
        if digest != file.sha256 or path.stat().st_size != file.size:
            raise FileIsNotThere()
        return path

    def remove(self, file_id: UUID) -> None:
        """Forget a file, or what a killed process left of it; one already gone is no matter."""
        self._path(file_id).unlink(missing_ok=True)
        self._partial_path(file_id).unlink(missing_ok=True)

    def ids_before(self, instant: datetime) -> set[UUID]:
        """The files last written before then, those that were never finished included."""
        paths = self._directory.iterdir() if self._directory.is_dir() else ()
        return {file_id for path in paths if (file_id := _id_of(path)) and _was_written_before(path, instant)}

    def _path(self, file_id: UUID) -> Path:
        return self._directory / file_id.hex

    def _partial_path(self, file_id: UUID) -> Path:
        return self._path(file_id).with_suffix(PARTIAL)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _id_of(path: Path) -> UUID | None:
    """None for what is no file of this port."""
    try:
        file_id = UUID(hex=path.stem)
    except ValueError:
        return None
    return file_id if path.name in (file_id.hex, file_id.hex + PARTIAL) else None


def _was_written_before(path: Path, instant: datetime) -> bool:
    try:
        return path.stat().st_mtime < instant.timestamp()
    except FileNotFoundError:
        return False
