"""Progress on the terminal: one line a step, with the time it took."""

import contextlib
import threading
import time

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Show:
    """Steps that may run side by side; plain lines where the output is no terminal."""

    def __init__(self, console=None):
        self.console = console or Console(highlight=False)
        self._lock = threading.Lock()
        self._progress = None

    def tell(self, what):
        """Print, where anybody still reads: a closed terminal or pipe must not end what we are at."""
        # rich leaves the process by SystemExit when a pipe is gone.
        with contextlib.suppress(OSError, ValueError, SystemExit):
            self.console.print(what)

    @contextlib.contextmanager
    def steps(self):
        """Show steps until the end of this block."""
        columns = [SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.description}"), TimeElapsedColumn()]
        with Progress(*columns, console=self.console, disable=not self.console.is_terminal) as self._progress:
            yield self

    @contextlib.contextmanager
    def step(self, label):
        """Show one step from its beginning to its end; yields what changes its label."""
        began = time.monotonic()
        task = self._progress.add_task(label, total=1)
        mark = "✗"
        try:
            yield lambda text: self._progress.update(task, description=text)
            mark = "✓"
            self._progress.update(task, completed=1, description=label)
        finally:
            if not self.console.is_terminal:
                with self._lock:
                    self.console.print(f"{mark} {label} ({time.monotonic() - began:.1f} s)")
