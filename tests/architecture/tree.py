"""A tree of files as the guards see it: the project itself, or a small one planted with a fault."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("contracts", "chassis", "services", "gateway", "operations", "deploy")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

# Hidden folders hold what tools and runs leave; these two hold what is committed.
_SHOWN = {".ci", ".github"}


@dataclass(frozen=True)
class Source:
    """One text file; `name` is its path in the tree."""

    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def imported(self) -> dict[str, str]:
        """What each imported name stands for: `{"sa": "sqlalchemy", "uuid4": "uuid.uuid4"}`."""
        return dict(_imported(self.nodes))

    def dotted(self, node: ast.AST) -> str:
        """An expression like `datetime.now` with its first name resolved; empty for anything else."""
        if isinstance(node, ast.Attribute):
            owner = self.dotted(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        return self.imported.get(node.id, node.id) if isinstance(node, ast.Name) else ""

    def at(self, node: ast.AST | int) -> str:
        """`services/sync/asp.py:12`."""
        return f"{self.name}:{node if isinstance(node, int) else node.lineno}"  # type: ignore[attr-defined]


def _imported(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


class Tree:
    """The files below a folder, read once."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def sources(self) -> list[Source]:
        """Every text file, in order; what is not text (a picture) is left out."""
        found = []
        for path in sorted(_committed(self.root)):
            try:
                found.append(Source(path.relative_to(self.root).as_posix(), path.read_text(encoding="utf-8")))
            except UnicodeDecodeError:
                continue
        return found

    def python(self, *folders: str) -> list[Source]:
        """Python files, of these top folders or of all."""
        return [
            source
            for source in self.sources
            if source.name.endswith(".py") and (not folders or source.name.partition("/")[0] in folders)
        ]

    def named(self, stem: str, *folders: str) -> list[Source]:
        """Python files `stem.py`, or those of a package `stem`."""
        return [source for source in self.python(*folders) if f"/{stem}.py" in source.name or f"/{stem}/" in source.name]


def _committed(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink():
            continue
        if path.is_file() and path.suffix not in (".pyc", ".png", ".ico", ".woff2"):
            yield path
        elif path.is_dir() and path.name != "__pycache__" and (path.name in _SHOWN or not path.name.startswith(".")):
            yield from _committed(path)
