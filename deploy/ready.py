"""A container's health check: 0 when its process says that it is ready. `READY_PORT` and `READY_PATH` say where to ask."""

import os
import sys
import urllib.error
import urllib.request

PORT, PATH = "8080", "/readyz"
SECONDS = 4


def is_ready(port: str, path: str) -> bool:
    """Whether this container's own process answers 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=SECONDS) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


if __name__ == "__main__":
    sys.exit(0 if is_ready(os.environ.get("READY_PORT", PORT), os.environ.get("READY_PATH", PATH)) else 1)
