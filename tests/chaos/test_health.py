"""R-13: what the health ports of the whole system say while broker and database are away, and after."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.sizes import sized

OUTAGE = sized(10, 300)  # Seconds.
TOLD, BACK = 15, 30  # Seconds: three times the bars of 5 and 10.


class Watch:
    """The health ports of every process of ours."""

    def __init__(self, stack):
        names = [name for name in stack.programs if name != "mailbox"]
        self._urls = {name: stack.health_url(name) for name in names}
        self._client = httpx.Client(timeout=5.0)

    def statuses(self, path):
        with ThreadPoolExecutor(len(self._urls)) as pool:
            answers = pool.map(lambda url: self._client.get(f"{url}{path}").status_code, self._urls.values())
            return dict(zip(self._urls, answers, strict=True))

    def are_alive(self):
        statuses = self.statuses("/livez")
        assert set(statuses.values()) == {200}, statuses

    def wait_for(self, status, patience):
        """The seconds until every process says so of its readiness; all the while they live."""
        began = time.monotonic()
        while set((found := self.statuses("/readyz")).values()) != {status}:
            self.are_alive()
            assert time.monotonic() - began < patience, found
            time.sleep(0.1)
        return time.monotonic() - began


@pytest.mark.soak
@pytest.mark.timeout(900)
class TestOutageOfBrokerAndDatabase:
    def test_is_told_by_readiness_alone(self, servers):
        with servers.new_stack() as stack:
            watch = Watch(stack)
            watch.wait_for(200, BACK)

            servers.kill("rabbitmq")
            servers.kill("postgresql")
            print(f"readiness 503 after {watch.wait_for(503, TOLD):.1f} s")
            end = time.monotonic() + OUTAGE
            while time.monotonic() < end:
                watch.are_alive()
                assert set(watch.statuses("/readyz").values()) == {503}
                assert httpx.get(f"{stack.gateway_url}/api/structures?company_number=732829320").status_code == 503
                time.sleep(0.5)
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(servers.restart, ("rabbitmq", "postgresql")))

            print(f"readiness 200 after {watch.wait_for(200, BACK):.1f} s")
            assert all(stack.is_alive(name) for name in stack.programs)
