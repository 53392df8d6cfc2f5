"""Workers that send what is due, over a real database and a real mail server."""

import asyncio
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import pytest

from chassis.wire import BusIsDown
from contracts.errors import Unavailable
from services.notifications import actions, domain
from services.notifications.emails import Site
from services.notifications.mailroom import MailDesk, Mailroom
from services.notifications.smtp import MailServer
from tests.notifications import builders
from tests.notifications.mail_server import Inbox, mail_server

SITE = Site("Les emplois de l'inclusion", "https://emplois.example", "noreply@emplois.example")
PATIENCE = 10.0


def until(is_true):
    limit = time.monotonic() + PATIENCE
    while not is_true():
        assert time.monotonic() < limit, "not in time"
        time.sleep(0.02)


def states(bench):
    return sorted(row.state for row in bench.rows("SELECT state FROM mails"))


@pytest.fixture
def others():
    return builders.Others()


@pytest.fixture
def open_mailroom(bench, others):
    """`with open_mailroom(inbox) as mailroom`: one at work on the test's database."""

    @contextmanager
    def opened(inbox, *, db=None, **options):
        with mail_server(inbox) as port:
            server = MailServer("127.0.0.1", port)
            db = db or bench.work(builders.NOTIFICATIONS)
            mailroom = Mailroom(db, lambda mail: others, server=server, site=SITE, **options)
            yield mailroom
            mailroom.stop()

    return opened


class OneIsSlow(Inbox):
    """Takes the mail that names Aurore only when the test says so."""

    def __init__(self):
        super().__init__()
        self.released = threading.Event()

    async def handle_DATA(self, server, session, envelope):
        if b"Aurore" in envelope.content:
            await asyncio.to_thread(self.released.wait, PATIENCE)
        return await super().handle_DATA(server, session, envelope)


class TestMailroom:
    def test_sends_what_is_due(self, bench, open_mailroom):
        for queue in (
            builders.queue_magic_link,
            builders.queue_confirmation_link,
            builders.queue_known_address,
            builders.queue_invitation,
            builders.queue_accepted_invitation,
        ):
            queue(bench)
        inbox = Inbox()
        with open_mailroom(inbox) as mailroom:
            mailroom.wake()
            until(lambda: states(bench) == ["sent"] * 5)
        assert len(inbox.envelopes) == 5
        assert all(len(envelope.rcpt_tos) == 1 for envelope in inbox.envelopes)

    def test_sends_each_mail_once_with_two_mailrooms_at_work(self, bench, open_mailroom):
        for number in range(40):
            builders.queue_known_address(bench, cause=f"message-{number}")
        first, second = Inbox(), Inbox()
        with open_mailroom(first) as one, open_mailroom(second) as two:
            one.wake()
            two.wake()
            until(lambda: states(bench) == ["sent"] * 40)
        assert len(first.envelopes) + len(second.envelopes) == 40

    def test_sends_the_other_mails_while_one_is_slow(self, bench, open_mailroom):
        builders.queue_invitation(bench)
        inbox = OneIsSlow()
        with open_mailroom(inbox) as mailroom:
            mailroom.wake()
            until(lambda: states(bench) == ["sending"])
            for number in range(10):
                builders.queue_known_address(bench, cause=f"message-{number}")
            mailroom.wake()
            until(lambda: states(bench) == ["sending"] + ["sent"] * 10)
            inbox.released.set()
            until(lambda: states(bench) == ["sent"] * 11)

    def test_works_on_a_few_mails_at_a_time(self, bench, open_mailroom):
        for number in range(12):
            builders.queue_known_address(bench, cause=f"message-{number}")
        inbox = Inbox(seconds=0.3)
        with open_mailroom(inbox, workers=3) as mailroom:
            seen = []

            def are_all_sent():
                mailroom.wake()
                seen.append(states(bench))
                return seen[-1] == ["sent"] * 12

            until(are_all_sent)
            assert max(state.count("sending") for state in seen) == 3
        assert inbox.session_count <= 6

    def test_keeps_a_mail_that_it_cannot_write(self, bench, open_mailroom, others):
        builders.queue_invitation(bench)
        others.contacts[0]["last_name"] = None
        with open_mailroom(Inbox()) as mailroom:
            mailroom.wake()
            until(lambda: states(bench) == ["queued"] and builders.only_mail(bench).reason)

    def test_keeps_a_mail_while_other_services_are_away(self, bench, open_mailroom, others):
        others.link = BusIsDown()
        builders.queue_invitation(bench)
        inbox = Inbox()
        with open_mailroom(inbox) as mailroom:
            mailroom.wake()
            until(lambda: builders.only_mail(bench).reason == "BusIsDown")
        assert not inbox.envelopes

    def test_remembers_what_was_sent_while_the_database_was_away(self, bench, open_mailroom):
        class Flickering:
            """A database that is down for the first conclusions."""

            def __init__(self, work):
                self.work, self.failures = work, 3

            def step(self, action, **request):
                if action is actions.conclude_mail and self.failures:
                    self.failures -= 1
                    raise Unavailable()
                return self.work.step(action, **request)

        builders.queue_invitation(bench)
        inbox = Inbox()
        with open_mailroom(inbox, db=Flickering(bench.work(builders.NOTIFICATIONS))) as mailroom:
            mailroom.wake()
            until(lambda: states(bench) == ["sent"])
        assert len(inbox.envelopes) == 1

    def test_gives_up_remembering_when_the_lease_ends(self, bench, open_mailroom, monkeypatch):
        """Another worker may have the mail by then."""

        class Gone:
            """A database that takes no conclusion."""

            def __init__(self, work):
                self.work, self.attempts = work, 0

            def step(self, action, **request):
                if action is actions.conclude_mail:
                    self.attempts += 1
                    raise Unavailable()
                return self.work.step(action, **request)

        monkeypatch.setattr(domain, "LEASE", timedelta(seconds=1))
        builders.queue_invitation(bench)
        gone = Gone(bench.work(builders.NOTIFICATIONS))
        with open_mailroom(Inbox(seconds=0.9), db=gone) as mailroom:
            mailroom.wake()
            until(lambda: gone.attempts)
            mailroom.stop()
        assert gone.attempts == 1

    def test_finishes_what_is_in_hand_and_takes_no_more_once_stopped(self, bench, open_mailroom):
        builders.queue_invitation(bench)
        inbox = Inbox(seconds=0.5)
        with open_mailroom(inbox) as mailroom:
            mailroom.wake()
            until(lambda: states(bench) == ["sending"])
            mailroom.stop()
            assert states(bench) == ["sent"]
            builders.queue_known_address(bench)
            mailroom.wake()
            time.sleep(0.2)
            assert states(bench) == ["queued", "sent"]


class TestMailDesk:
    def test_sends_right_after_the_commit(self, bench, open_mailroom):
        inbox = Inbox()
        with open_mailroom(inbox) as mailroom:
            desk = MailDesk(mailroom, bench.work(builders.NOTIFICATIONS), "message-1")
            started = time.monotonic()
            desk.queue(actions.queue_known_address, account_id=builders.MEMBER)
            until(lambda: inbox.envelopes)
            print(f"first mail after {time.monotonic() - started:.3f} s")
            assert time.monotonic() - started < 3

    def test_is_safe_in_many_hands(self, bench, open_mailroom):
        inbox = Inbox()
        with open_mailroom(inbox) as mailroom:

            def hand_in(number):
                desk = MailDesk(mailroom, bench.work(builders.NOTIFICATIONS), f"message-{number}")
                desk.queue(actions.queue_known_address, account_id=builders.MEMBER)

            hands = [threading.Thread(target=hand_in, args=(number,)) for number in range(10)]
            for hand in hands:
                hand.start()
            for hand in hands:
                hand.join()
            until(lambda: len(inbox.envelopes) == 10 or mailroom.wake())
        assert states(bench) == ["sent"] * 10
