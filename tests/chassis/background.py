"""Something that goes on beside a test."""

import threading


class Background:
    """Takes one `turn` after the other in a thread, `pace` seconds apart, for as long as it is entered."""

    pace = 0.005

    def __init__(self):
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _run(self):
        while not self._done.wait(self.pace):
            self.turn()

    def turn(self):
        raise NotImplementedError
