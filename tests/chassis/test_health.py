"""A dependency that does not answer is told as such, and takes neither the answer nor liveness with it."""

import threading
import time

import orjson
import pytest

from chassis import health
from chassis.health import Health


@pytest.fixture
def hanging(monkeypatch):
    """A check that never answers, and how often it was asked."""
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.2)
    monkeypatch.setattr(health, "ANSWER_IS_FRESH_FOR", 0.0)
    asked, end = [], threading.Event()

    def check():
        asked.append(1)
        end.wait()

    yield check, asked
    end.set()


def ask(subject, path):
    told = []
    body = b"".join(subject.wsgi({"PATH_INFO": path}, lambda status, headers: told.append(status)))
    return told[0], body


class TestACheck:
    def test_that_hangs_is_named_and_asked_once(self, hanging):
        check, asked = hanging
        subject = Health("accounts", {"database": check, "broker": lambda: None})
        started = time.monotonic()

        for _ in range(3):
            status, body = ask(subject, "/readyz")
            checks = orjson.loads(body)["checks"]
            assert status.startswith("503")
            assert checks == {"database": [{"status": "fail", "output": "no answer"}], "broker": [{"status": "pass"}]}
        assert len(asked) == 1
        assert time.monotonic() - started < 3 * 3 * health.CHECK_SECONDS  # Three times what three answers may take.

    def test_that_hangs_holds_up_no_liveness(self, hanging):
        subject = Health("accounts", {"database": hanging[0]})
        threading.Thread(target=ask, args=(subject, "/readyz"), daemon=True).start()
        started = time.monotonic()

        assert ask(subject, "/livez") == ("200 OK", b"ok\n")

        assert time.monotonic() - started < 0.2

    def test_that_breaks_tells_its_error_and_not_its_text(self):
        def check():
            raise ConnectionError("postgresql://secret")

        status, body = ask(Health("accounts", {"database": check}), "/healthz")

        assert status.startswith("503")
        assert b"ConnectionError" in body
        assert b"secret" not in body
