"""The files port: what was uploaded, by id, in a directory that participants share; size and SHA-256 travel beside the id."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from chassis.ids import new_id

CHUNK = 1024 * 1024


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
    """Files in a directory, under names made from their ids, never from what people call them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, source: BinaryIO, name: str) -> StoredFile:
        """Store a stream whole or not at all."""
        self._directory.mkdir(parents=True, exist_ok=True)
        file_id, digest, size = new_id(), hashlib.sha256(), 0
        partial = self._path(file_id).with_suffix(".part")
        with partial.open("xb") as target:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        partial.rename(self._path(file_id))
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
        """Forget a file; one already gone is no matter."""
        self._path(file_id).unlink(missing_ok=True)

    def _path(self, file_id: UUID) -> Path:
        return self._directory / file_id.hex
