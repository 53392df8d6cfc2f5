"""Start one probe service."""

from chassis import run  # First of all: it patches.

# isort: split

import sys

from chassis import log
from chassis.settings import read_service_settings
from tests.chassis.probes import PROBES

name = sys.argv[1]
log.configure(name)
sys.exit(run.run(read_service_settings(name), PROBES[name]))
