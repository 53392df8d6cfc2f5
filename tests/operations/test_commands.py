"""The operator's commands against the whole system: staff, mails, health, messages set aside."""

import json
import re
import signal
import subprocess
import sys
from uuid import uuid4

import amqp
import httpx
import pytest

from chassis.bus import connect
from operations.local import environment
from operations.local.places import ROOT
from operations.local.programs import CommandFailed
from operations.statuses import THERE_ALREADY
from tests.chassis.conftest import wait_for
from tests.world import PASSWORD, WORLD

QUEUE = "notifications.email_known_address"
UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"


@pytest.fixture
def set_aside(stack, servers):
    """A message that no handler can read, published as somebody with every right could; the id it is set aside under."""
    vhost = stack.env["NOTIFICATIONS_AMQP_URL"].rpartition("/")[2]
    with connect(servers.broker_url("admin", vhost)) as connection:
        message = amqp.Message(b"{cut", content_type="application/json", message_id=uuid4().hex)
        connection.channel().basic_publish_confirm(message, exchange="", routing_key=QUEUE)
    wait_for(lambda: "unreadable" in stack.emplois("parked", "list", "notifications"), 20)
    return re.search(UUID, stack.emplois("parked", "list", "notifications")).group(0)


class TestParked:
    def test_lists_replays_and_discards(self, stack, set_aside):
        assert "abandonné" in stack.emplois("parked", "list")

        assert "1 message(s)" in stack.emplois("parked", "replay", "notifications", set_aside)
        wait_for(lambda: "abandonné" in stack.emplois("parked", "list", "notifications"), 20)  # As unreadable as before.
        stack.emplois("parked", "discard", "--yes", "notifications", set_aside)

        assert set_aside not in stack.emplois("parked", "list")

    def test_lists_what_it_can_and_names_who_is_silent(self, stack, set_aside):
        stack.kill("sync")
        try:
            with pytest.raises(CommandFailed, match=r"Ne répondent pas, .* : sync\.") as failed:
                stack.emplois("parked", "list")
        finally:
            stack.start("sync")
        assert set_aside in str(failed.value)

    def test_says_when_there_is_no_such_message(self, stack):
        with pytest.raises(CommandFailed, match="Aucun message mis de côté ne porte cet identifiant"):
            stack.emplois("parked", "replay", "notifications", str(uuid4()))


class TestCreateStaff:
    def test_makes_an_account_that_logs_in(self, stack):
        stack.env["STAFF_PASSWORD"] = PASSWORD
        email = f"support.{uuid4().hex[:8]}@emplois.example"

        stack.emplois("create-staff", "--email", email)

        answer = httpx.post(f"{stack.gateway_url}/api/sessions", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 201
        assert answer.json()["session"]["kind"] == "staff"

    def test_says_when_the_address_has_one(self, stack):
        stack.env["STAFF_PASSWORD"] = PASSWORD
        email = f"support.{uuid4().hex[:8]}@emplois.example"
        stack.emplois("create-staff", "--email", email)

        with pytest.raises(CommandFailed, match=f"Un compte existe déjà avec l'adresse {email}") as failed:
            stack.emplois("create-staff", "--email", email)

        assert failed.value.status == THERE_ALREADY
        assert "invitation" not in str(failed.value)

    def test_refuses_a_weak_password_in_french(self, stack):
        stack.env["STAFF_PASSWORD"] = "azertyuiop123456"

        with pytest.raises(CommandFailed, match="facile à deviner"):
            stack.emplois("create-staff", "--email", "faible@emplois.example")


class TestHealth:
    def test_shows_each_component(self, stack):
        shown = stack.emplois("health")

        assert all(name in shown for name in ("broker", "accounts", "organizations", "invitations", "notifications", "sync"))

    def test_fails_and_names_what_is_wrong(self, stack):
        stack.kill("sync")
        try:
            wait_for(lambda: not is_well(stack), 20)
            with pytest.raises(CommandFailed, match=r"sync .* no answer"):
                stack.emplois("health")
            page = httpx.get(f"{stack.gateway_url}/etat").text
            assert "no answer" in page
        finally:
            stack.start("sync")

    def test_says_when_the_address_is_a_page(self, stack):
        with pytest.raises(CommandFailed, match="autre chose qu'un document de santé") as failed:
            stack.emplois("health", "--url", stack.gateway_url)

        assert "Traceback" not in str(failed.value)

    def test_says_when_nobody_answers(self, stack):
        with pytest.raises(CommandFailed, match="ne répond pas"):
            stack.emplois("health", "--url", "http://127.0.0.1:9/healthz")


class TestImport:
    def begin(self, stack, directory, *, log):
        """An import as a process of its own; what it says goes to the log."""
        settings = environment.for_process(environment.of_participant(stack.env, "operator"))
        words = [sys.executable, "-m", "operations.commands", "import", "--dry-run", str(directory)]
        with log.open("wb") as output:
            return subprocess.Popen(words, cwd=ROOT, env=settings, stdout=output, stderr=subprocess.STDOUT)

    def test_goes_on_without_its_command(self, stack, tmp_path):
        """Ctrl-C while organizations is away; another import waits for its turn; then both end by themselves."""
        stack.emplois("generate-delivery", str(tmp_path / "delivery"), *WORLD, "--no-traps")
        logs = tmp_path / "first.log", tmp_path / "second.log"
        stack.kill("organizations")
        try:
            first = self.begin(stack, tmp_path / "delivery", log=logs[0])
            wait_for(lambda: "envoi aux organisations" in logs[0].read_text(), 20)
            second = self.begin(stack, tmp_path / "delivery", log=logs[1])
            wait_for(lambda: "en attente d'un autre import" in logs[1].read_text(), 20)
            first.send_signal(signal.SIGINT)
            assert first.wait(20) == 130
            (run_id,) = set(re.findall(UUID, logs[0].read_text()))
            assert f"L'import continue sans cette commande ; pour savoir où il en est : ./emplois import-state {run_id}" in (
                logs[0].read_text().splitlines()
            )
            assert "envoi aux organisations" in stack.emplois("import-state", run_id)
        finally:
            stack.start("organizations")
        assert second.wait(60) == 0
        assert "examen terminé" in stack.emplois("import-state", run_id)
        assert "Structures modifiées" in logs[1].read_text()


class TestMails:
    def test_lists_them_without_addresses(self, stack):
        assert "@" not in stack.emplois("mails")


def is_well(stack):
    return json.loads(httpx.get(f"{stack.health_url('gateway')}/healthz").content)["status"] == "pass"
