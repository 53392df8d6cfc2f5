"""The service as a process on the bus: a delivery comes in, its structure is found, its first member joins."""

import os
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from chassis.call import Caller
from chassis.context import Context
from chassis.settings import BusSettings
from chassis.subject import read_private_key
from chassis.testing.database import Bench
from chassis.testing.subjects import VISITOR
from contracts import organizations as contract
from contracts.organizations import OrganizationNotFound, PlanHasChanged, StructureHasMembers
from contracts.vocabulary import DeliveryState, LinkPurpose, Role
from operations.local import keys, ports
from tests.factories.organizations import incoming_annex, incoming_structure

ROOT = Path(__file__).resolve().parent.parent.parent
CALLERS = ("gateway", "accounts", "invitations", "notifications", "sync", "operator")


def eventually(condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    pytest.fail(f"not within {seconds} s")


def is_ready(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def database(servers):
    url = servers.fresh_database("organizations")
    yield url
    servers.drop_database(url)


@pytest.fixture(scope="module")
def call(servers, database, tmp_path_factory):
    """`call("sync", method, …)`: a participant asks, in its own name, the service that runs."""
    directory = tmp_path_factory.mktemp("organizations")
    port = ports.Ports(directory / "ports.json")["health"]
    with servers.leased_vhost() as vhost:
        settings = {
            "ORGANIZATIONS_DATABASE_URL": database,
            "ORGANIZATIONS_AMQP_URL": servers.broker_url("organizations", vhost),
            "ORGANIZATIONS_SIGNING_KEY": servers.secrets["ORGANIZATIONS_SIGNING_KEY"],
            "ORGANIZATIONS_TOKEN_KEY": "ab" * 32,
            "ORGANIZATIONS_HEALTH_PORT": str(port),
            "SUBJECT_PUBLIC_KEYS": keys.public_keys(servers.secrets),
            "PUBLIC_URL": "https://emplois.example",
        }
        command = [sys.executable, "-m", "chassis.run", "organizations"]
        with open(directory / "log", "wb") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log)
        eventually(lambda: is_ready(port))
        callers = {name: _caller(servers, name, vhost) for name in CALLERS}
        yield lambda name, method, **request: callers[name].call(method, request, context=_asking(callers[name], name))
        for caller in callers.values():
            caller.link.stop()
        process.terminate()
        process.wait(timeout=40)


def _caller(servers, name, vhost):
    key = read_private_key(servers.secrets[f"{name.upper()}_SIGNING_KEY"])
    caller = Caller(BusSettings(name, servers.broker_url(name, vhost), key))
    caller.start()
    return caller


def _asking(caller, name):
    """The gateway speaks for people only, here a visitor; the others for themselves."""
    token = caller.sign(VISITOR, time.time() + 60) if name == "gateway" else None
    return Context(subject=VISITOR, request_id=uuid4().hex, cause=uuid4().hex, subject_token=token)


def deliver(call, structures, annexes):
    """A delivery over the bus, until the service's own worker has applied it."""
    run_id = uuid4()
    batch = {"structures": structures, "annexes": annexes, "unknown_keys": []}
    call("sync", contract.receive_delivery_batch, run_id=run_id, number=1, **batch)
    plan = call("sync", contract.plan_delivery, run_id=run_id, batch_count=1, extracted_at=datetime.now(UTC))
    with pytest.raises(PlanHasChanged):
        call("sync", contract.apply_delivery, run_id=run_id, plan_version=plan["plan_version"] + 1)
    call("sync", contract.apply_delivery, run_id=run_id, plan_version=plan["plan_version"])
    eventually(lambda: call("sync", contract.get_delivery, run_id=run_id)["state"] == DeliveryState.APPLIED)
    return plan["summary"]


def test_from_a_delivery_to_the_second_member(call, database, tmp_path):
    delivered = incoming_structure(siret="73282932000074", auth_email="correspondant@asso.example")
    assert deliver(call, [delivered], [incoming_annex(delivered)])["structures_created"] == 1

    found = call("gateway", contract.find_structures, company_number="732829320")
    (structure,) = found["joinable"]
    organization_id = structure["organization_id"]
    asked = call("gateway", contract.request_magic_link, organization_id=organization_id)
    assert asked["masked_email"] == "c***********t@asso.example"

    requested = announced_link(database, tmp_path)
    mail = call("notifications", contract.get_mail_link, purpose=LinkPurpose.MAGIC_LINK, **requested)
    link = call("accounts", contract.get_magic_link, token=mail["url"].rpartition("/")[2])
    assert link["structure"]["siret"] == "73282932000074"

    first = call("accounts", contract.claim_structure, account_id=uuid4(), magic_link_id=link["magic_link_id"])
    assert first["role"] == Role.ADMINISTRATOR
    with pytest.raises(StructureHasMembers):
        call("accounts", contract.claim_structure, account_id=uuid4(), magic_link_id=link["magic_link_id"])

    invited = {"organization_id": organization_id, "account_id": uuid4(), "role": Role.MEMBER, "invitation_id": uuid4()}
    assert call("invitations", contract.admit_member, **invited)["role"] == Role.MEMBER
    assert call("invitations", contract.get_standing, organization_id=organization_id)["is_active"] is True
    with pytest.raises(OrganizationNotFound):
        call("invitations", contract.get_standing, organization_id=uuid4())


def announced_link(database, directory):
    """What notifications hears of the link asked for."""
    bench = Bench(database, "organizations", directory / "offset")
    (event,) = bench.announced("organizations.magic_link_requested")
    bench.close()
    return {"row_id": event["magic_link_id"], "issue": event["issue"]}
