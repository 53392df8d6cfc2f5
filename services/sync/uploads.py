"""The uploaded files of runs: adopted by their id, size and digest, removed when nobody needs them (they hold personal data)."""

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from chassis.files import FileIsNotThere, Files, StoredFile
from contracts.sync import FileIsMissing


def find_uploads(files_dir: Path, files: Iterable[Mapping[str, Any]]) -> list[tuple[Path, str]]:
    """Where each file lies and what people call it; FileIsMissing unless it is the one that was told of."""
    desk = Files(files_dir)
    try:
        return [(desk.checked_path(_stored(file)), file["name"]) for file in files]
    except (FileIsNotThere, IsADirectoryError):
        raise FileIsMissing() from None


def remove_uploads(files_dir: Path, file_ids: Iterable[UUID]) -> None:
    """The files are gone, whether they were there or not."""
    desk = Files(files_dir)
    for file_id in file_ids:
        desk.remove(file_id)


def sweep_uploads(files_dir: Path, needed_ids: Set[UUID], before: datetime) -> None:
    """No file is left that was written before then and that nobody needs: whoever uploaded it went no further.

    Deliveries lie alone in that directory: files of another owner would be taken for forgotten ones.
    """
    remove_uploads(files_dir, Files(files_dir).ids_before(before) - needed_ids)


def _stored(file: Mapping[str, Any]) -> StoredFile:
    return StoredFile(file["file_id"], file["name"], file["size"], file["sha256"])
