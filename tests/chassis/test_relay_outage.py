"""M-09: the broker away for long: calls are refused at once and change nothing, what was announced waits and is drained."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from chassis.testing.database import Bench
from chassis.wire import BusIsDown, CallTimedOut
from contracts import accounts
from tests.chassis.conftest import wait_for
from tests.chassis.facts import announce_facts, effect_counts, unpublished_count
from tests.chassis.test_outages import Gate
from tests.sizes import sized

AWAY_SECONDS, FACTS = sized(20, 600), sized(1000, 10_000)
SOME = 500  # Under way when the broker goes.
REFUSED_SECONDS, DRAINED_SECONDS = 3 * 2, 3 * 30  # Three times each bar.


@pytest.fixture
def gate(servers):
    with Gate(servers.broker_url("admin", "")) as gate:
        gate.forward.open()
        yield gate


@pytest.fixture
def start_behind(gate, make_probe):
    """`start_behind("accounts")`: that probe, ready, with the gate before the broker."""

    def start(name):
        probe = make_probe(name)
        setting = f"{name.upper()}_AMQP_URL"
        probe.environment[setting] = behind(gate, probe.environment[setting])
        return probe.start()

    return start


def behind(gate, url):
    """The same broker, through the gate."""
    address, _, vhost = url.rpartition("/")
    return f"{address.rpartition(':')[0]}:{gate.forward.port}/{vhost}"


def ask(caller):
    """Call for something that changes: the address it would leave as its effect, the seconds it took, whether it was refused."""
    email, began = f"{uuid4()}@emplois.example", time.monotonic()
    request = {"email": email, "first_name": "Ada", "last_name": "Dupont", "password": "un long mot de passe"}
    try:
        caller.call(accounts.create_staff, request)
    except (BusIsDown, CallTimedOut):
        return email, time.monotonic() - began, True
    return email, time.monotonic() - began, False


def ask_until(end, caller):
    """Ask again and again; the answers, each of which came in time."""
    answers = []
    with ThreadPoolExecutor(1) as pool:
        while time.monotonic() < end:
            answers.append(pool.submit(ask, caller).result(REFUSED_SECONDS))
            time.sleep(0.2)
    return answers


@pytest.mark.soak
class TestABrokerThatIsAwayForLong:
    def test_refuses_calls_at_once_and_loses_nothing(self, gate, start_behind, make_caller, servers, tmp_path):
        hearer, sender = start_behind("notifications"), start_behind("accounts")
        caller = make_caller("operator", sender.vhost, url=behind(gate, servers.broker_url("operator", sender.vhost)))
        wait_for(lambda: not ask(caller)[2])
        bench = Bench(sender.database_url, "accounts", tmp_path / "clock")

        causes = announce_facts(bench, SOME)
        wait_for(lambda: 0 < unpublished_count(bench) < SOME)
        gate.forward.shut()  # While it publishes.
        end = time.monotonic() + AWAY_SECONDS
        causes += announce_facts(bench, FACTS)
        answers = ask_until(end, caller)

        assert all(is_refused for _, _, is_refused in answers)
        assert unpublished_count(bench) >= FACTS
        gate.forward.open()
        came_back = time.monotonic()
        wait_for(lambda: unpublished_count(bench) == 0, DRAINED_SECONDS, sender.log.read_text)
        print(f"{len(answers)} calls refused, the slowest in {max(seconds for _, seconds, _ in answers):.2f} s")
        print(f"over {FACTS} facts drained {time.monotonic() - came_back:.1f} s after an outage of {AWAY_SECONDS} s")
        wait_for(lambda: len(effect_counts(hearer)) == len(causes), sized(60, 300))
        assert effect_counts(hearer) == dict.fromkeys(causes, 1)
        wait_for(lambda: not ask(caller)[2], 30)
        assert not effect_counts(sender).keys() & {email for email, _, _ in answers}
        bench.close()
