"""C-15: every service is restarted, one after the other, while people invite others: each invitation's mail comes, once."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from contracts.vocabulary import SERVICES
from tests.acceptance.conftest import bearer
from tests.acceptance.test_first_story import confirm, log_in, magic_link, sign_up
from tests.sizes import sized

pytestmark = pytest.mark.usefixtures("imported")

ORGANIZATIONS, INVITED_BY_EACH = sized(2, 10), 30
PATIENCE = 180  # Three times the bar of 60 s.
UNSETTLED = re.compile(r'^(?:outbox_unpublished|parked_messages\{state="\w+"\}) (\S+)$', re.MULTILINE)


def administrator(http, mailbox, structure):
    """The first member of a structure's organization: its id, and the headers that bear the session."""
    found, _, token = magic_link(http, mailbox, structure)
    email = f"rolling.{found['public_id']}@emplois.example"
    assert confirm(http, sign_up(http, mailbox, token, email)).status_code == 200
    return found["organization_id"], bearer(log_in(http, email).json())


def invite(http, organization_id, headers, email):
    """Invite one person, asking again for as long as a service is away; how often it was asked."""
    invitee = {"email": email, "first_name": "Bob", "last_name": "Durand"}
    headers = {**headers, "Idempotency-Key": uuid4().hex}
    end = time.monotonic() + PATIENCE
    for tries in range(1, 1000):
        answer = http.post(f"/api/organizations/{organization_id}/invitations", json={"invitees": [invitee]}, headers=headers)
        if answer.status_code == 201:
            return tries
        assert answer.status_code in (503, 504), answer.text
        assert time.monotonic() < end, answer.text
        time.sleep(0.3)
    raise AssertionError("never invited")


def unsettled(stack):
    """How many facts and messages wait anywhere, by the services' own count."""
    texts = [httpx.get(f"{stack.health_url(service)}/metrics").text for service in SERVICES]
    return sum(float(number) for text in texts for number in UNSETTLED.findall(text))


def mails_by_address(mailbox, addresses):
    counts = dict.fromkeys(addresses, 0)
    for mail in mailbox.messages():
        for address in counts.keys() & set(mail["to"]):
            counts[address] += 1
    return counts


def wait_until_settled(stack, mailbox, addresses):
    """Return once nothing is outstanding."""
    began = time.monotonic()
    while 0 in mails_by_address(mailbox, addresses).values() or unsettled(stack):
        assert time.monotonic() < began + PATIENCE, (mails_by_address(mailbox, addresses), unsettled(stack))
        time.sleep(0.5)
    print(f"nothing outstanding {time.monotonic() - began:.1f} s after the last service was back")


class TestARollingRestart:
    @pytest.mark.soak
    @pytest.mark.timeout(900)
    def test_loses_no_mail_and_sends_none_twice(self, stack, http, mailbox, unused_structures):
        administrators = [administrator(http, mailbox, next(unused_structures)) for _ in range(ORGANIZATIONS)]
        invitations = [(*each, f"r{uuid4().hex}@emplois.example") for each in administrators for _ in range(INVITED_BY_EACH)]

        tries = []
        with ThreadPoolExecutor(1) as pool:
            for number, service in enumerate(SERVICES):
                restarted = pool.submit(stack.restart, service)
                tries += [invite(http, *each) for each in invitations[number :: len(SERVICES)]]
                restarted.result()

        addresses = [email for _, _, email in invitations]
        wait_until_settled(stack, mailbox, addresses)
        print(f"{len(invitations)} invitations, {sum(tries) - len(tries)} of them asked for again")
        assert set(mails_by_address(mailbox, addresses).values()) == {1}
