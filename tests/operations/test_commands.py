"""The operator's commands against the whole system: staff, mails, health, messages set aside."""

import json
import re
from uuid import uuid4

import amqp
import httpx
import pytest

from chassis.bus import connect
from operations.local.programs import CommandFailed
from tests.chassis.conftest import wait_for
from tests.world import PASSWORD

QUEUE = "notifications.email_known_address"
UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"


@pytest.fixture
def set_aside(stack, servers):
    """A message that no handler can read, published as somebody with every right could; the id it is set aside under."""
    vhost = stack.env["NOTIFICATIONS_AMQP_URL"].rpartition("/")[2]
    with connect(servers.broker_url("admin", vhost)) as connection:
        message = amqp.Message(b"{cut", content_type="application/json", message_id=uuid4().hex)
        connection.channel().basic_publish(message, exchange="", routing_key=QUEUE)
    wait_for(lambda: "unreadable" in stack.emplois("parked", "list", "notifications"), 20)
    return re.search(UUID, stack.emplois("parked", "list", "notifications")).group(0)


class TestParked:
    def test_lists_replays_and_discards(self, stack, set_aside):
        assert "abandonné" in stack.emplois("parked", "list")

        assert "1 message(s)" in stack.emplois("parked", "replay", "notifications", set_aside)
        wait_for(lambda: "abandonné" in stack.emplois("parked", "list", "notifications"), 20)  # As unreadable as before.
        stack.emplois("parked", "discard", "--yes", "notifications", set_aside)

        assert set_aside not in stack.emplois("parked", "list")

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
            with pytest.raises(CommandFailed, match="sync"):
                stack.emplois("health")
        finally:
            stack.start("sync")

    def test_says_when_nobody_answers(self, stack):
        with pytest.raises(CommandFailed, match="ne répond pas"):
            stack.emplois("health", "--url", "http://127.0.0.1:9/healthz")


class TestMails:
    def test_lists_them_without_addresses(self, stack):
        assert "@" not in stack.emplois("mails")


def is_well(stack):
    return json.loads(httpx.get(f"{stack.health_url('gateway')}/healthz").content)["status"] == "pass"
