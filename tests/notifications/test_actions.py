"""What notifications does, on a real database."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from chassis.testing.subjects import VISITOR, service
from contracts import notifications as contract
from contracts.errors import Forbidden
from contracts.vocabulary import MailState
from services.notifications import actions, domain
from services.notifications.domain import DELIVERED, Outcome
from tests.notifications import builders

OPERATOR = service("operator")


class TestQueueInvitation:
    def test_queues_one_mail_without_address_or_link(self, bench):
        builders.queue_invitation(bench)
        mail = builders.only_mail(bench)
        assert (mail.template, mail.state, mail.attempt_count) == ("invitation", "queued", 0)
        assert mail.recipient_account_id is None
        assert mail.variables == {
            "first_name": "Amélie",
            "last_name": "Dupré",
            "organization_name": "Les Jardins d'Aurore",
            "sender_account_id": str(builders.SENDER),
        }

    def test_queues_one_mail_for_the_same_message_twice(self, bench):
        builders.queue_invitation(bench)
        builders.queue_invitation(bench)
        builders.only_mail(bench)

    def test_queues_a_mail_for_each_message(self, bench):
        builders.queue_invitation(bench, cause="message-1")
        builders.queue_invitation(bench, cause="message-2")
        assert len(bench.rows("SELECT * FROM mails")) == 2


class TestQueueMagicLink:
    def test_queues_a_mail_for_whoever_the_link_names(self, bench):
        builders.queue_magic_link(bench)
        mail = builders.only_mail(bench)
        assert (mail.template, mail.link_purpose, mail.link_issue) == ("magic_link", "magic_link", 1)
        assert mail.variables == {"structure_name": "Les Jardins d'Aurore", "siret": "12345678900012", "kind": "ACI"}


class TestQueueConfirmationLink:
    def test_queues_a_mail_for_the_account(self, bench):
        builders.queue_confirmation_link(bench)
        mail = builders.only_mail(bench)
        assert (mail.template, mail.link_purpose) == ("email_confirmation", "email_confirmation")
        assert mail.recipient_account_id == builders.MEMBER


class TestQueueKnownAddress:
    def test_queues_a_mail_without_a_link(self, bench):
        builders.queue_known_address(bench)
        mail = builders.only_mail(bench)
        assert (mail.recipient_account_id, mail.link_purpose) == (builders.MEMBER, None)

    def test_queues_one_mail_for_the_same_message_twice(self, bench):
        builders.queue_known_address(bench)
        builders.queue_known_address(bench)
        builders.only_mail(bench)


class TestQueueAcceptedInvitation:
    def test_queues_a_mail_for_the_sender(self, bench):
        builders.queue_accepted_invitation(bench)
        mail = builders.only_mail(bench)
        assert mail.recipient_account_id == builders.SENDER
        assert mail.variables["member_account_id"] == str(builders.MEMBER)


class TestClaimDueMail:
    def test_gives_what_the_mail_needs(self, bench):
        builders.queue_invitation(bench)
        mail = builders.claim(bench)
        assert (mail.template, mail.attempt_count, mail.link.issue) == ("invitation", 1, 1)
        assert builders.only_mail(bench).state == "sending"

    def test_gives_nothing_when_nothing_is_due(self, bench):
        assert builders.claim(bench) is None

    def test_gives_a_mail_to_one_worker_only(self, bench):
        builders.queue_invitation(bench)
        assert builders.claim(bench)
        assert builders.claim(bench) is None

    def test_gives_each_mail_once_to_workers_that_race(self, bench):
        for number in range(30):
            builders.queue_known_address(bench, cause=f"message-{number}")
        claimed, barrier = [], threading.Barrier(6)

        def work():
            barrier.wait()
            while mail := builders.claim(bench):
                claimed.append(mail.mail_id)

        workers = [threading.Thread(target=work) for _ in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert len(claimed) == len(set(claimed)) == 30

    def test_gives_it_again_once_the_lease_is_over(self, bench):
        builders.queue_invitation(bench)
        first = builders.claim(bench)
        bench.move_clock(domain.LEASE + timedelta(seconds=1))
        second = builders.claim(bench)
        assert second.mail_id == first.mail_id
        assert second.attempt_count == 2

    def test_takes_the_one_that_waits_longest(self, bench):
        bench.move_clock(timedelta(seconds=-60))
        builders.queue_invitation(bench, cause="first")
        bench.move_clock(timedelta())
        builders.queue_known_address(bench, cause="second")
        assert builders.claim(bench).template == "invitation"


class TestConcludeMail:
    @pytest.fixture
    def mail(self, bench):
        builders.queue_invitation(bench)
        return builders.claim(bench)

    def test_ends_a_delivered_mail(self, bench, mail):
        builders.conclude(bench, mail, DELIVERED)
        row = builders.only_mail(bench)
        assert (row.state, row.next_attempt_at, row.reason) == ("sent", None, None)
        assert abs(row.sent_at - datetime.now(UTC)) < timedelta(minutes=1)

    def test_puts_off_with_a_growing_wait(self, bench, mail):
        builders.conclude(bench, mail, Outcome("put_off", "mail server answered 451"))
        row = builders.only_mail(bench)
        assert (row.state, row.reason, row.sent_at) == ("queued", "mail server answered 451", None)
        assert builders.claim(bench) is None
        bench.move_clock(timedelta(seconds=31))
        assert builders.claim(bench).attempt_count == 2

    def test_ends_a_refused_mail(self, bench, mail):
        builders.conclude(bench, mail, Outcome("fail", "mail server answered 550"))
        row = builders.only_mail(bench)
        assert (row.state, row.next_attempt_at, row.reason) == ("failed", None, "mail server answered 550")

    def test_ends_a_void_mail(self, bench, mail):
        builders.conclude(bench, mail, Outcome("drop", "LinkIsOver"))
        assert builders.only_mail(bench).state == "cancelled"

    def test_gives_up_after_a_day(self, bench, mail):
        bench.move_clock(timedelta(hours=24))
        builders.conclude(bench, mail, Outcome("put_off", "mail server answered 451"))
        row = builders.only_mail(bench)
        assert (row.state, row.reason) == ("failed", "given up after 24 h: mail server answered 451")

    def test_leaves_alone_what_another_worker_claimed_since(self, bench, mail):
        bench.move_clock(domain.LEASE + timedelta(seconds=1))
        second = builders.claim(bench)
        builders.conclude(bench, mail, Outcome("put_off", "late"))
        assert builders.only_mail(bench).state == "sending"
        builders.conclude(bench, second, DELIVERED)
        builders.conclude(bench, mail, Outcome("put_off", "late"))
        assert builders.only_mail(bench).state == "sent"


class TestForgetOldMails:
    @pytest.fixture
    def forget(self, bench):
        def after(days):
            bench.move_clock(timedelta(days=days))
            bench.act(actions.forget_old_mails, builders.NOTIFICATIONS)

        return after

    def test_forgets_names_after_a_month_and_the_mail_after_two(self, bench, forget):
        builders.queue_invitation(bench)
        builders.conclude(bench, builders.claim(bench), DELIVERED)
        forget(29)
        assert builders.only_mail(bench).variables["last_name"] == "Dupré"
        forget(31)
        assert builders.only_mail(bench).variables == {}
        forget(63)
        assert bench.rows("SELECT * FROM mails") == []

    def test_leaves_what_is_still_to_be_sent(self, bench, forget):
        builders.queue_invitation(bench)
        forget(63)
        assert builders.only_mail(bench).variables["last_name"] == "Dupré"


class TestListMails:
    def test_shows_where_mails_stand(self, bench):
        builders.queue_invitation(bench)
        builders.queue_known_address(bench)
        builders.conclude(bench, builders.claim(bench), DELIVERED)
        mails = bench.read(actions.list_mails, OPERATOR, state=None)
        assert {mail.state for mail in mails["items"]} == {"sent", "queued"}

    def test_shows_one_state(self, bench):
        builders.queue_invitation(bench)
        assert bench.read(actions.list_mails, OPERATOR, state=MailState.SENT) == {"items": []}

    def test_fits_its_schema(self, bench):
        builders.queue_invitation(bench)
        answer = contract.list_mails.gives().dump(bench.read(actions.list_mails, OPERATOR, state=None))
        assert answer["items"][0]["state"] == "queued"
        assert "variables" not in answer["items"][0]

    @pytest.mark.parametrize("subject", [VISITOR, service("accounts")])
    def test_refuses_everybody_but_operators(self, bench, subject):
        with pytest.raises(Forbidden):
            bench.read(actions.list_mails, subject, state=None)
