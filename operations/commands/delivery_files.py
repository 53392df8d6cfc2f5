"""The files of a delivery, where the operator has them: found, checked before anything starts, put where sync reads them."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from environs import Env

from chassis.files import Files, StoredFile
from operations.commands.asking import fail
from operations.statuses import WRONG_USE

_NAMED_AS = "fluxIAE_"
_REASONS = {
    errno.EACCES: "vous n'en avez pas le droit",
    errno.EPERM: "vous n'en avez pas le droit",
    errno.EROFS: "ce disque est en lecture seule",
    errno.ENOSPC: "le disque est plein",
    errno.ENOTDIR: "un fichier y tient lieu de dossier",
    errno.ENAMETOOLONG: "ce nom est trop long",
    errno.ELOOP: "ce lien tourne en rond",
}


def find_files(paths: Iterable[Path]) -> list[Path]:
    """The files that the arguments name, in a folder those of the ASP; the command ends where one cannot be taken."""
    paths = list(paths)
    if not paths:
        fail("Indiquez la livraison : un dossier, une archive, ou les deux fichiers.", status=WRONG_USE)
    files = [file for path in paths for file in (_files_of(path) if _is_folder(path) else [path])]
    if not files:
        fail(f"Aucun fichier « {_NAMED_AS}… » dans ce dossier.")
    for file in files:
        _check_file(file)
    return files


def shown(path: Path) -> str:
    """A path that can be printed, even if its name is not text."""
    return os.fsencode(path).decode("utf-8", "replace")


def reason(error: OSError) -> str:
    """Why the system refuses, in words where it is an operator's to mend."""
    return _REASONS.get(error.errno or 0) or f"erreur du système : {error.strerror}"


@contextmanager
def stored(paths: Iterable[Path]) -> Iterator[list[dict[str, Any]]]:
    """The files where sync reads them, as it is told of them; gone again when what they were put there for fails."""
    directory = Env().path("FILES_DIR", None) or fail("Indiquez FILES_DIR, le dossier partagé avec le service sync.")
    desk, files = Files(directory), list[StoredFile]()
    try:
        for path in paths:
            files.append(_put(desk, path, directory))
        yield [vars(file) for file in files]
    except BaseException:
        for file in files:
            desk.remove(file.file_id)
        raise


def _put(desk: Files, path: Path, directory: Path) -> StoredFile:
    try:
        with path.open("rb") as source:
            return desk.put(source, path.name)
    except OSError as error:
        return fail(f"{shown(path)} : ce fichier ne peut pas être déposé dans {shown(directory)} ({reason(error)}).")


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        if path.is_symlink():
            return False
        return fail(f"{shown(path)} : ce fichier ou ce dossier n'existe pas.", status=WRONG_USE)
    except OSError as error:
        return _fail_to_read(path, error)


def _files_of(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.name.startswith(_NAMED_AS))
    except OSError as error:
        return _fail_to_read(folder, error)


def _check_file(path: Path) -> None:
    if not _is_text(path.name):
        fail(f"{shown(path)} : ce nom de fichier n'est pas en UTF-8 ; renommez-le.")
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            path.open("rb").close()
            return
    except FileNotFoundError:
        fail(f"{shown(path)} : ce lien mène à un fichier qui n'existe pas.")
    except OSError as error:
        _fail_to_read(path, error)
    if stat.S_ISDIR(mode):
        fail(f"{shown(path)} : c'est un dossier, un fichier est attendu.")
    fail(f"{shown(path)} : ce n'est pas un fichier ordinaire.")  # A pipe would be waited on for ever.


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fail_to_read(path: Path, error: OSError) -> Any:
    return fail(f"{shown(path)} : impossible de lire ce fichier ou ce dossier ({reason(error)}).")
