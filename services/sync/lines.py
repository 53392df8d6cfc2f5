"""Lines of a file of the ASP: UTF-8, a line feed at the end of each, no quoting; bounded memory whatever the file."""

from typing import BinaryIO

from services.sync.findings import FileRefused

LONGEST_LINE = 64 * 1024  # Bytes. A record is 1 to 3 kB: a longer line means that the file is something else.


class Lines:
    """The lines of a stream, decoded, without their end; `title` names the file in refusals."""

    def __init__(self, stream: BinaryIO, title: str) -> None:
        self._stream, self._title = stream, title
        self._position = 0
        self.number = 0
        self.is_whole = True  # Whether the last line read had its line feed.
        self.last = ""

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        raw = self._stream.readline(LONGEST_LINE + 1)
        if not raw:
            raise StopIteration
        self.number += 1
        if len(raw) > LONGEST_LINE:
            raise self.refused(f"la ligne dépasse {LONGEST_LINE} octets.")
        if b"\0" in raw:
            raise self.refused(f"octet nul à l'octet {raw.index(0) + 1} de la ligne : ce n'est pas un fichier texte.")
        self.last = self._decoded(raw)
        self._position += len(raw)
        self.is_whole = raw.endswith(b"\n")
        return self.last

    def refused(self, message: str) -> FileRefused:
        """A refusal that names the file and the line just read."""
        return FileRefused(f"{self._title}, ligne {self.number} : {message}" if self.number else f"{self._title} : {message}")

    def _decoded(self, raw: bytes) -> str:
        try:
            # Neither a byte-order mark nor carriage returns come from the ASP; editors add them, and they mean nothing.
            return raw.decode("utf-8-sig" if self.number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            where = f"octet {error.start + 1} de la ligne, {self._position + error.start + 1} du fichier"
            raise self.refused(f"le texte n'est pas en UTF-8 ({where}).") from None
