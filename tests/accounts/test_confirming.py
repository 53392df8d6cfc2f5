"""Links that prove an address, on a real database."""

from datetime import timedelta
from uuid import uuid4

import pytest

from chassis.testing.subjects import VISITOR, service
from chassis.tokens import token_hash
from contracts.accounts import ConfirmationLinkIsOver
from contracts.links import LinkIsOver, LinkIsUnknown
from contracts.vocabulary import LinkPurpose
from services.accounts import actions
from tests.factories import accounts as factory

NOTIFICATIONS = service("notifications")
DAYS, MINUTES = timedelta(days=1), timedelta(minutes=1)
UNKNOWN = ["", "x", "é" * 40, "A" * 43]


def used(bench):
    token = factory.token(bench)
    bench.act(actions.confirm_email, VISITOR, token=token)
    return token


def expired(bench):
    bench.move_clock(3 * DAYS)
    return factory.token(bench)


def replaced(bench):
    bench.move_clock(4 * MINUTES)
    factory.log_in(bench)
    return factory.token(bench, issue=1)


def closed(bench):
    bench.rows("UPDATE accounts SET deactivated_at = created_at")
    return factory.token(bench)


OVER = [used, expired, replaced, closed]


class TestGetEmailConfirmation:
    def test_shows_what_the_link_is_about(self, bench):
        row = factory.account(bench, pending=True)
        shown = bench.read(actions.get_email_confirmation, VISITOR, token=factory.token(bench))
        assert (shown.email, shown.expires_at) == (factory.EMAIL, row.created_at + 3 * DAYS)

    def test_changes_nothing(self, bench):
        """Mail scanners open links."""
        before = factory.account(bench, pending=True)
        bench.read(actions.get_email_confirmation, VISITOR, token=factory.token(bench))
        assert factory.row(bench) == before
        assert bench.rows("SELECT used_at FROM email_confirmations") == [(None,)]

    @pytest.mark.parametrize("token", UNKNOWN)
    def test_knows_no_foreign_link(self, bench, token):
        with pytest.raises(LinkIsUnknown):
            bench.read(actions.get_email_confirmation, VISITOR, token=token)

    @pytest.mark.parametrize("over", OVER)
    def test_tells_that_a_link_was_good_once(self, bench, over):
        factory.account(bench, pending=True)
        with pytest.raises(ConfirmationLinkIsOver):
            bench.read(actions.get_email_confirmation, VISITOR, token=over(bench))


class TestConfirmEmail:
    """ACC-50: good for 3 days, once."""

    def test_proves_the_address(self, bench):
        factory.account(bench, pending=True)
        assert bench.act(actions.confirm_email, VISITOR, token=factory.token(bench)) == {"email": factory.EMAIL}
        row = factory.row(bench)
        assert row.pending_until is None
        assert row.email_confirmed_at is not None
        assert bench.announced("accounts.email_confirmed") == [{"account_id": str(row.account_id)}]

    def test_is_good_until_the_end_of_its_third_day(self, bench):
        factory.account(bench, pending=True)
        bench.move_clock(3 * DAYS - MINUTES)
        bench.act(actions.confirm_email, VISITOR, token=factory.token(bench))

    @pytest.mark.parametrize("token", UNKNOWN)
    def test_knows_no_foreign_link(self, bench, token):
        with pytest.raises(LinkIsUnknown):
            bench.act(actions.confirm_email, VISITOR, token=token)

    def test_knows_no_cut_link(self, bench):
        factory.account(bench, pending=True)
        with pytest.raises(LinkIsUnknown):
            bench.act(actions.confirm_email, VISITOR, token=factory.token(bench)[:-1])

    @pytest.mark.parametrize("over", OVER)
    def test_refuses_a_link_that_was_good_once(self, bench, over):
        factory.account(bench, pending=True)
        token = over(bench)
        before = factory.row(bench)
        with pytest.raises(ConfirmationLinkIsOver):
            bench.act(actions.confirm_email, VISITOR, token=token)
        assert factory.row(bench) == before

    def test_happens_once_when_asked_twice_at_once(self, bench):
        for turn in range(20):
            email = f"{turn}@jardins.example"
            factory.account(bench, email, pending=True)
            token = factory.token(bench, email)
            confirm = lambda: bench.act(actions.confirm_email, VISITOR, token=token)  # noqa: B023, E731
            outcomes = factory.at_once(confirm, confirm)
            assert sorted(isinstance(outcome, ConfirmationLinkIsOver) for outcome in outcomes) == [False, True]
            assert len(bench.announced("accounts.email_confirmed")) == 1


class TestGetMailLink:
    def ask(self, bench, purpose=LinkPurpose.EMAIL_CONFIRMATION, row_id=None, issue=1):
        row_id = row_id or bench.rows("SELECT confirmation_id FROM email_confirmations WHERE issue = 1")[0][0]
        made = {"token_key": factory.TOKEN_KEY, "public_url": factory.PUBLIC_URL}
        return bench.read(actions.get_mail_link, NOTIFICATIONS, purpose=purpose, row_id=row_id, issue=issue, **made)

    def test_derives_the_link_that_the_row_expects(self, bench):
        row = factory.account(bench, pending=True)
        link = self.ask(bench)
        start, _, token = link["url"].rpartition("/")
        assert start == "https://emplois.example/confirmer"
        assert bench.rows("SELECT token_hash FROM email_confirmations") == [(token_hash(token),)]
        assert (link["email"], link["expires_at"]) == (factory.EMAIL, row.created_at + 3 * DAYS)

    @pytest.mark.parametrize("over", OVER)
    def test_refuses_a_link_that_must_not_leave_any_more(self, bench, over):
        factory.account(bench, pending=True)
        over(bench)
        with pytest.raises(LinkIsOver):
            self.ask(bench)

    @pytest.mark.parametrize(
        "unknown", [{"row_id": uuid4()}, {"issue": 2}, {"purpose": LinkPurpose.INVITATION}], ids=["row", "issue", "purpose"]
    )
    def test_knows_nothing_else(self, bench, unknown):
        factory.account(bench, pending=True)
        with pytest.raises(LinkIsUnknown):
            self.ask(bench, **unknown)
