"""The service as it runs: its own patched process, called over RabbitMQ, with real databases and real threads for hashes."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from chassis import topology
from chassis.bus import connect
from chassis.call import Caller
from chassis.context import Context
from chassis.serve import ServiceIsBusy
from chassis.settings import BusSettings
from chassis.subject import Subject, read_private_key, sign_subject
from chassis.testing.database import Bench
from chassis.testing.subjects import VISITOR
from contracts import accounts as contract
from contracts.accounts import PasswordIsNotTheSignUps, SessionHasEnded, WrongEmailOrPassword
from contracts.vocabulary import SubjectKind
from operations.local import keys, ports
from tests.factories import accounts as factory

ROOT = Path(__file__).resolve().parents[2]
EMAIL = "lou.martin@emplois.example"
STAFF = {"email": EMAIL, "first_name": "Lou", "last_name": "Martin", "password": factory.PASSWORD}
READY_SECONDS = 30


@pytest.fixture(scope="module")
def running(servers, tmp_path_factory):
    """The accounts service in a process of its own; `.log` is what it wrote."""
    directory = tmp_path_factory.mktemp("accounts")
    port, log = ports.Ports(directory / "ports.json")["health"], directory / "accounts.log"
    database_url = servers.fresh_database("accounts")
    with servers.leased_vhost() as vhost:
        environment = {
            **os.environ,
            "ACCOUNTS_DATABASE_URL": database_url,
            "ACCOUNTS_AMQP_URL": servers.broker_url("accounts", vhost),
            "ACCOUNTS_SIGNING_KEY": servers.secrets["ACCOUNTS_SIGNING_KEY"],
            "ACCOUNTS_TOKEN_KEY": factory.TOKEN_KEY.hex(),
            "ACCOUNTS_HEALTH_PORT": str(port),
            "SUBJECT_PUBLIC_KEYS": keys.public_keys(servers.secrets),
            "LOG_LEVEL": "DEBUG",
        }
        command = [sys.executable, "-m", "chassis.run", "accounts"]
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            wait_until_ready(port, log)
            yield SimpleNamespace(vhost=vhost, log=log, database_url=database_url)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(40)
    servers.drop_database(database_url)


def wait_until_ready(port, log):
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(log.read_text()[-3000:])


@pytest.fixture(scope="module")
def callers(running, servers):
    """The gateway and the operator, calling from this process."""
    made = {}
    for name in ("gateway", "operator"):
        key = read_private_key(servers.secrets[f"{name.upper()}_SIGNING_KEY"])
        made[name] = Caller(BusSettings(name, servers.broker_url(name, running.vhost), key))
        made[name].start()
    made["operator"].call(contract.create_staff, STAFF)
    yield made
    for caller in made.values():
        caller.link.stop()


@pytest.fixture(scope="module")
def ask(callers, servers):
    """`ask(method, subject, …)`: a call of the gateway on somebody's behalf."""
    key = read_private_key(servers.secrets["GATEWAY_SIGNING_KEY"])

    def call(method, subject=VISITOR, **request):
        token = sign_subject(subject, key, expires_at=time.time() + 10)
        context = Context(subject=subject, request_id="test", cause=os.urandom(8).hex(), subject_token=token)
        return callers["gateway"].call(method, request, context=context)

    return call


class TestSession:
    def test_opens_lives_and_ends(self, ask):
        opened = ask(contract.log_in, email=EMAIL.upper(), password=factory.PASSWORD)
        session = ask(contract.get_session, session_token=opened["session_token"])
        assert session["account_id"] == opened["session"]["account_id"]
        who = Subject("gateway", SubjectKind.STAFF, session["account_id"], session["session_id"])
        assert ask(contract.get_account, who)["email"] == EMAIL
        ask(contract.log_out, who)
        with pytest.raises(SessionHasEnded):
            ask(contract.get_session, session_token=opened["session_token"])

    def test_is_not_opened_by_a_wrong_password(self, ask):
        for email in (EMAIL, "nobody@emplois.example"):
            with pytest.raises(WrongEmailOrPassword):
                ask(contract.log_in, email=email, password=factory.OTHER_PASSWORD)


class TestTwentyLogInsAtOnce:
    def test_all_succeed_while_sessions_are_answered(self, ask):
        token = ask(contract.log_in, email=EMAIL, password=factory.PASSWORD)["session_token"]
        with ThreadPoolExecutor(20) as pool:
            who = {"email": EMAIL, "password": factory.PASSWORD}
            log_ins = [pool.submit(answer_at_last, ask, contract.log_in, **who) for _ in range(20)]
            answer_at_last(ask, contract.get_session, session_token=token)
            tokens = {log_in.result()["session_token"] for log_in in log_ins}
        assert len(tokens) == 20


def answer_at_last(ask, method, **request):
    """Asked again for as long as the service says that it is busy: on a slow machine twenty are more than it does at once."""
    while True:
        with suppress(ServiceIsBusy):
            return ask(method, **request)
        time.sleep(0.2)


@pytest.fixture
def silence(running, servers):
    """Organizations, there but mute: its queue stands and nobody reads it."""
    with connect(servers.broker_url("admin", running.vhost)) as connection:
        queue = topology.calls_queue("organizations")(connection.channel())
        queue.declare()
        yield
        queue.delete()


@pytest.fixture
def bench(running, tmp_path):
    """The running process's own database."""
    made = Bench(running.database_url, "accounts", tmp_path / "clock")
    yield made
    made.close()


class TestConfirmEmail:
    def test_is_answered_in_time_while_organizations_is_silent(self, ask, bench, silence):
        """The address is confirmed: an answer past the deadline would tell the person that it is not."""
        factory.account(bench, pending=True)
        request = {"token": factory.token(bench), "password": factory.PASSWORD}
        started = time.monotonic()
        assert ask(contract.confirm_email, **request) == {"email": factory.EMAIL}
        print(f"answered after {time.monotonic() - started:.1f} s")
        row = factory.row(bench)
        assert (row.email_confirmed_at is not None, row.join_state) == (True, "remembered")

    def test_refuses_another_password(self, ask, bench):
        factory.account(bench, "bob@jardins.example", pending=True)
        request = {"token": factory.token(bench, "bob@jardins.example"), "password": factory.OTHER_PASSWORD}
        with pytest.raises(PasswordIsNotTheSignUps):
            ask(contract.confirm_email, **request)


class TestLogs:
    def test_hold_no_secret_and_no_address(self, ask, running):
        """A-12."""
        token = ask(contract.log_in, email=EMAIL, password=factory.PASSWORD)["session_token"]
        text = running.log.read_text()
        assert '"event":"service_started"' in text
        for secret in (token, factory.PASSWORD, factory.OTHER_PASSWORD, EMAIL, "nobody@"):
            assert secret not in text
