"""R-03: a caller that is killed in the middle of a call takes its reply queue with it, and harms nobody else."""

import os
import signal
import subprocess
import sys

import amqp
import pytest

from chassis.bus import connect
from contracts import accounts
from tests.chassis.conftest import wait_for

SLOW = {"email": "lente@emplois.example", "first_name": "Slow", "last_name": "Dupont", "password": "un long mot de passe"}
CALLER = f"""
import os
from chassis.call import Caller
from chassis.settings import BusSettings
from chassis.subject import read_private_key
from contracts import accounts

caller = Caller(BusSettings("operator", os.environ["URL"], read_private_key(os.environ["KEY"])))
caller.start()
caller.link.is_up.wait(60)
print(caller._reply_to, flush=True)
print(caller.call(accounts.create_staff, {SLOW}), flush=True)
"""


class TestACallerThatIsKilled:
    def test_leaves_a_callee_that_has_done_its_work_and_serves_the_next(self, make_probe, make_caller, servers):
        probe = make_probe("accounts")
        probe.start()
        with calling(servers, probe.vhost) as caller:
            reply_queue = next(line.decode().strip() for line in caller.stdout if line.startswith(b"operator.replies."))
            wait_for(probe.seen.exists)  # It is being served: the probe answers after one second.
            assert queue_stands(servers, probe.vhost, reply_queue)

            caller.send_signal(signal.SIGKILL)

            wait_for(lambda: not queue_stands(servers, probe.vhost, reply_queue), 15)
            assert b"account_id" not in caller.stdout.read()  # It was killed before its answer.
        wait_for(lambda: probe.effects(SLOW["email"]) == 1)
        other = make_caller("operator", probe.vhost)
        assert other.call(accounts.create_staff, SLOW | {"first_name": "Ada", "email": "ada@emplois.example"})
        assert probe.process.poll() is None
        assert probe.effects(SLOW["email"]) == 1
        assert messages_in(servers, probe.vhost, "accounts.calls") == 0
        assert b"acks_lost_total 0" in probe.get("/metrics")[1]


def calling(servers, vhost):
    settings = {"URL": servers.broker_url("operator", vhost), "KEY": servers.secrets["OPERATOR_SIGNING_KEY"]}
    return subprocess.Popen([sys.executable, "-c", CALLER], env={**os.environ, **settings}, stdout=subprocess.PIPE)


def queue_stands(servers, vhost, name):
    """An exclusive queue is another's business: the broker says that it is locked, or that there is none."""
    with connect(servers.broker_url("admin", vhost)) as connection:
        with pytest.raises((amqp.ResourceLocked, amqp.NotFound)) as refused:
            connection.channel().queue_declare(name, passive=True)
    return refused.type is amqp.ResourceLocked


def messages_in(servers, vhost, name):
    with connect(servers.broker_url("admin", vhost)) as connection:
        return connection.channel().queue_declare(name, passive=True).message_count
