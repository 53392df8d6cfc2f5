"""Our services on the nameko of this environment: `python -m tests.bench.nameko.hosting accounts`.

3.0.0rc11 takes its settings for the whole process, no longer by the runner: all that must be adapted.
"""

from chassis import run  # First of all: it patches.

# isort: split

import sys

from tests.bench import probes
from tests.bench.nameko import forms

if __name__ == "__main__":
    run.ServiceRunner = forms.runner
    probes.main(sys.argv[1])
