"""A service's process is patched before anything else, and proves that its queries do not block it."""

import subprocess
import sys
from pathlib import Path

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


class TestTheSelfTest:
    def test_passes_when_the_driver_waits_through_select(self, empty_database):
        assert python("from chassis import green\n" + PROVE, empty_database("accounts")) == "cooperative"

    def test_control_fails_when_the_driver_was_imported_first(self, empty_database):
        assert python(PROVE, empty_database("accounts")) == "blocked"
