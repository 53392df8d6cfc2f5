"""A service's process is patched before anything else, and proves that its queries do not block it."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from tests.chassis.gate import Forward

ROOT = Path(__file__).resolve().parent.parent.parent
PROVE = """
import sys
import psycopg
from chassis import green
url = sys.argv[1]
try:
    green.prove_queries_do_not_block(lambda: psycopg.connect(url))
    print("cooperative")
except green.QueriesBlockTheProcess:
    print("blocked")
"""


def python(code, *arguments):
    run = subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return run.stdout.strip()


class TestStart:
    def test_patches_before_anything_is_imported(self):
        code = "import chassis.run, psycopg, eventlet; "
        code += "print(psycopg.waiting.wait.__name__, eventlet.patcher.is_monkey_patched('socket'))"

        assert python(code) == "wait_selector True"


SILENCE = """
import sys
from chassis import green, bus
bus.ANSWER_SECONDS = 1
connection = bus.connect(sys.argv[1])
print("connected", flush=True)
sys.stdin.readline()
try:
    bus.open_channel(connection)
except TimeoutError:
    print("timed out")
"""


class TestABrokerThatFallsSilent:
    """A half-open connection must not hold a link or the relay for ever; eventlet's sockets know no kernel time-outs."""

    def test_is_not_waited_for(self, servers):
        with servers.leased_vhost() as vhost:
            url = servers.broker_url("accounts", vhost)
            gate = Forward("127.0.0.1", urlsplit(url).port)
            gate.open()
            command = [sys.executable, "-c", SILENCE, url.replace(f":{urlsplit(url).port}/", f":{gate.port}/")]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as process:
                assert process.stdout.readline() == "connected\n"
                gate.silence()
                said, _ = process.communicate("\n", timeout=30)
            gate.close()

        assert said == "timed out\n"


class TestTheSelfTest:
    def test_passes_when_the_driver_waits_through_select(self, empty_database):
        assert python("from chassis import green\n" + PROVE, empty_database("accounts")) == "cooperative"

    def test_control_fails_when_the_driver_was_imported_first(self, empty_database):
        assert python(PROVE, empty_database("accounts")) == "blocked"
