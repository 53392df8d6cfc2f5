"""Style sheets and scripts: our own, and those of installed wheels, which are served only when they are what we reviewed."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from starlette.responses import FileResponse, Response

from gateway.problems import PathIsUnknown

HERE = Path(__file__).parent / "static"
ONE_DAY = 86_400  # Seconds.


class AssetHasChanged(RuntimeError):
    """An installed file is not the one that was reviewed: install the locked requirements."""


@dataclass(frozen=True)
class Asset:
    """A file of an installed package, by its digest."""

    package: str
    path: str
    sha256: str

    @cache  # noqa: B019 - one of a few constants
    def locate(self) -> Path:
        """Where the file is; the package itself is never imported."""
        spec = find_spec(self.package)
        if spec is None or not spec.origin:
            raise AssetHasChanged(f"{self.package} is not installed")
        path = Path(spec.origin).parent / self.path
        if hashlib.sha256(path.read_bytes()).hexdigest() != self.sha256:
            raise AssetHasChanged(f"{self.package}/{self.path}")
        return path


FROM_WHEELS = {
    "bootstrap.min.css": Asset(
        "js_lib_bootstrap5",
        "static/js-lib-bootstrap5/css/bootstrap.min.css",
        "3c8f27e6009ccfd710a905e6dcf12d0ee3c6f2ac7da05b0572d3e0d12e736fc8",
    ),
    "swagger-ui.css": Asset(
        "swagger_ui", "static/swagger-ui.css", "4f76417253f37d7fe5aab8d69beaf3017570e2ab611289c504968b2078a07236"
    ),
    "swagger-ui-bundle.js": Asset(
        "swagger_ui", "static/swagger-ui-bundle.js", "2c2e2bfe20fc7cb996862067de67c3d34157929792b77988abf3aabef4663028"
    ),
}
OWN = ("site.css", "documents.js", "favicon.svg")


class Assets:
    """Every file under /static, found and checked once."""

    def __init__(self) -> None:
        self._paths = {name: HERE / name for name in OWN} | {name: one.locate() for name, one in FROM_WHEELS.items()}

    def respond(self, name: str) -> Response:
        """One file; browsers keep it for a day."""
        if name not in self._paths:
            raise PathIsUnknown()
        return FileResponse(self._paths[name], headers={"Cache-Control": f"public, max-age={ONE_DAY}"})
