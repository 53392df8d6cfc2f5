"""What the health document tells of a service that is not well."""

import http.server
import json
import threading
from types import SimpleNamespace

import pytest

from gateway import health

pytestmark = pytest.mark.anyio

BROKEN = {
    "status": "fail",
    "checks": {
        "database": [{"status": "fail", "output": "no answer"}],
        "broker": [{"status": "pass"}],
        "listener": [{"status": "fail"}],
    },
}


@pytest.fixture
def service():
    """`service(503, b"…")`: the address of a service that answers so."""
    servers = []

    def start(status, body):
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        servers.append(http.server.HTTPServer(("127.0.0.1", 0), Answer))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


async def entry_of(url, *, is_up=True):
    report = await health.Health(SimpleNamespace(is_up=is_up), {"sync": url}).report()
    return report["checks"]["sync"][0]


async def test_it_names_what_fails_and_what_that_says(service):
    entry = await entry_of(service(503, json.dumps(BROKEN).encode()))

    assert (entry["status"], entry["output"]) == ("fail", "database: no answer, listener: fail")


async def test_it_says_nothing_of_a_service_that_is_well(service):
    entry = await entry_of(service(200, b'{"status": "pass", "checks": {"database": [{"status": "pass"}]}}'))

    assert entry["status"] == "pass" and "output" not in entry


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"checks": {}}', b'{"status": "fail", "checks": {"x": [1]}}', b'{"status": [], "checks": []}'],
)
async def test_it_tells_what_is_no_health_document(service, body):
    entry = await entry_of(service(200, body))

    assert (entry["status"], entry["output"]) == ("fail", "not a health document")


async def test_it_tells_who_does_not_answer():
    entry = await entry_of("http://127.0.0.1:9")

    assert (entry["status"], entry["output"]) == ("fail", "no answer")


async def test_it_tells_that_the_broker_is_gone(service):
    report = await health.Health(SimpleNamespace(is_up=False), {}).report()

    assert report["checks"]["broker"][0]["output"] == "not connected"
