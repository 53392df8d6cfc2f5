"""One end of nameko's own calls, on the version at hand: `python -m tests.bench.nameko.calls echo|ask FORM NAME URL`."""

import warnings

warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")

import eventlet  # noqa: E402

eventlet.monkey_patch()

# isort: split

import sys  # noqa: E402
import time  # noqa: E402
from functools import partial  # noqa: E402

from eventlet import tpool  # noqa: E402
from eventlet.event import Event  # noqa: E402
from nameko.extensions import Entrypoint  # noqa: E402
from nameko.rpc import rpc  # noqa: E402

from tests.bench.generator import Stopwatch, answer_jobs  # noqa: E402
from tests.bench.nameko import forms  # noqa: E402


class ByHand(Entrypoint):
    """Runs when the process asks."""


by_hand = ByHand.decorator


def echo_service(called, _proxy):
    class Echo:
        name = called

        @rpc
        def echo(self, body):
            return body

    return Echo


def asking_service(called, proxy):
    class Asking:
        name = f"asking_{called}"
        target = proxy(called)

        @by_hand
        def ask_together(self, callers, seconds):
            watch = Stopwatch(seconds)
            for one in [eventlet.spawn(self.ask, watch) for _ in range(callers)]:
                one.wait()
            return watch.result()

        def ask(self, watch):
            while watch.is_running():
                begun = time.perf_counter()
                self.target.echo({})
                watch.took(begun)

    return Asking


def by_worker(container, **job):
    """Run the service's one entrypoint in a worker; answers its result."""
    entrypoint = next(iter(container.entrypoints))
    done = Event()

    def handle_result(_worker, result, exc_info):
        done.send(exc_info[1] if exc_info else result)
        return result, exc_info

    container.spawn_worker(entrypoint, (), job, handle_result=handle_result)
    return done.wait()


def main(end, form, called, url):
    settings, proxy = forms.prepared(form, url)
    runner = forms.runner(settings)
    runner.add_service({"echo": echo_service, "ask": asking_service}[end](called, proxy))
    runner.start()
    if end == "echo":
        print("ready", flush=True)
        runner.wait()
    container = next(iter(runner.containers))
    answer_jobs(partial(by_worker, container), partial(tpool.execute, sys.stdin.readline))


if __name__ == "__main__":
    main(*sys.argv[1:])
