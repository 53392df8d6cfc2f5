"""N-15: one service's clock jumps by two hours: it serves what is in time, and nothing that is late."""

import time
from pathlib import Path
from uuid import uuid4

import amqp
import pytest

from chassis.bus import connect
from chassis.settings import read_private_key
from chassis.subject import service_subject, sign_subject
from chassis.wire import CALLS, CONTENT_TYPE, CallHeaders, dump_request
from contracts import accounts
from tests.chaos.system import WHO, facts, some_address
from tests.chassis.conftest import wait_for


def library():
    """The library that shifts a process's clock, or None."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


@pytest.fixture
def set_clock(tmp_path):
    file = tmp_path / "clock"

    def set_clock(shift):
        file.write_text(f"{shift}\n")

    set_clock("+0s")
    set_clock.environment = {
        "LD_PRELOAD": str(library()),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    return set_clock


@pytest.mark.skipif(library() is None, reason="the Debian package faketime is missing")
class TestAClockThatJumps:
    def test_neither_refuses_calls_in_time_nor_serves_late_ones(self, make_probe, make_caller, servers, set_clock):
        probe = make_probe("accounts")
        probe.environment |= set_clock.environment
        probe.start()
        caller = make_caller("operator", probe.vhost)
        late = LateCaller(servers, probe.vhost)

        for shift in ("+0s", "+2h", "-2h"):
            set_clock(shift)
            email = some_address()
            caller.call(accounts.create_staff, request(email))
            assert probe.effects(email) == 1, shift
            assert not late.is_served(probe), shift
        assert says_two_hours_less(probe)

    @pytest.mark.parametrize("shift", ["+2h", "-2h"])
    def test_before_the_start_neither(self, make_probe, make_caller, servers, set_clock, shift):
        set_clock(shift)
        probe = make_probe("accounts")
        probe.environment |= set_clock.environment
        probe.start()
        email = some_address()

        make_caller("operator", probe.vhost).call(accounts.create_staff, request(email))

        assert probe.effects(email) == 1
        assert not LateCaller(servers, probe.vhost).is_served(probe)


class LateCaller:
    """Sends calls whose deadline has passed, past the caller's own check."""

    def __init__(self, servers, vhost):
        self._url = servers.broker_url("operator", vhost)
        self._key = read_private_key(servers.secrets["OPERATOR_SIGNING_KEY"])

    def is_served(self, probe):
        """Say whether a late call has an effect once the queue is empty."""
        email, now = some_address(), time.time()
        subject = sign_subject(service_subject("operator"), self._key, expires_at=now + 3600)
        headers = CallHeaders(now - 1, subject, uuid4().hex, uuid4().hex)
        body = dump_request(accounts.create_staff, request(email))
        properties = {"content_type": CONTENT_TYPE, "user_id": "operator", "application_headers": headers.to_wire()}
        expired = expired_count(probe)
        with connect(self._url) as connection:
            connection.channel().basic_publish(
                amqp.Message(body, **properties), exchange=CALLS, routing_key="accounts.create_staff"
            )
        wait_for(lambda: expired_count(probe) > expired or probe.effects(email))
        return probe.effects(email) > 0


def expired_count(probe):
    lines = probe.get("/metrics")[1].splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(b"calls_expired_total"))


def says_two_hours_less(probe):
    """Whether the process's own clock was shifted: else this test would prove nothing."""
    instants = [fact["timestamp"][:13] for fact in facts(probe)]
    hour_ago = time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() - 2 * 3600))
    return hour_ago in instants


def request(email):
    return {"email": email, "first_name": "Ada", **WHO}
