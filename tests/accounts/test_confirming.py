"""Links that prove an address, on a real database."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest

from chassis.context import AlreadyDone
from chassis.guards import OncePerKey
from chassis.testing.subjects import VISITOR, service
from chassis.tokens import token_hash
from contracts import accounts as contract
from contracts.accounts import ConfirmationLinkIsOver, PasswordIsNotTheSignUps, WrongEmailOrPassword
from contracts.links import LinkIsOver, LinkIsUnknown
from contracts.vocabulary import LinkPurpose
from services.accounts import actions, queries
from tests.factories import accounts as factory

NOTIFICATIONS = service("notifications")
DAYS, MINUTES = timedelta(days=1), timedelta(minutes=1)
ROUNDS = 200
UNKNOWN = ["", "x", "é" * 40, "A" * 43]


def used(bench):
    token = factory.token(bench)
    factory.confirm(bench, token)
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


def over_the_service(bench, token, password=factory.PASSWORD, **context):
    return factory.worker(bench, contract.confirm_email, **context).confirm_email(token=token, password=password)


class TestConfirmEmail:
    """ACC-50: good for 3 days, once, for who signed up with the address last."""

    def test_proves_the_address(self, bench):
        factory.account(bench, pending=True)
        assert over_the_service(bench, factory.token(bench)) == {"email": factory.EMAIL}
        row = factory.row(bench)
        assert row.pending_until is None
        assert row.email_confirmed_at is not None
        assert bench.announced("accounts.email_confirmed") == [{"account_id": str(row.account_id)}]

    def test_refuses_any_other_password_and_uses_nothing_up(self, bench):
        """Decision 6: a link alone confirms nothing that a stranger may have typed."""
        factory.account(bench, pending=True)
        token, before = factory.token(bench), factory.row(bench)
        for password in (factory.OTHER_PASSWORD, factory.PASSWORD.upper(), "x"):
            with pytest.raises(PasswordIsNotTheSignUps):
                over_the_service(bench, token, password)
        assert factory.row(bench) == before
        assert bench.announced() == []
        over_the_service(bench, token)

    def test_gives_an_address_to_nobody_who_signed_up_with_it_before_its_owner(self, bench):
        """Whoever was first chose a password, names and a structure: none of them is confirmed."""
        factory.account(bench, pending=True, password=factory.OTHER_PASSWORD)
        token, link = factory.token(bench), factory.magic_link()
        factory.sign_up(bench, link=link)
        with pytest.raises(PasswordIsNotTheSignUps):
            over_the_service(bench, token, factory.OTHER_PASSWORD)
        over_the_service(bench, token)
        assert factory.row(bench).join_magic_link_id == link["magic_link_id"]
        with pytest.raises(WrongEmailOrPassword):
            factory.worker(bench, contract.log_in).log_in(email=factory.EMAIL, password=factory.OTHER_PASSWORD)

    def test_gives_an_address_to_nobody_who_signs_up_with_it_while_the_hash_is_computed(self, bench):
        factory.account(bench, pending=True)
        token = factory.token(bench)
        sign_up = bench.act(actions.find_sign_up, VISITOR, token=token)
        factory.sign_up(bench, password=factory.OTHER_PASSWORD)
        with pytest.raises(PasswordIsNotTheSignUps):
            bench.act(actions.confirm_email, VISITOR, token=token, sign_up=sign_up, is_its_password=True)
        assert factory.row(bench).email_confirmed_at is None

    def test_repeated_with_its_key_gives_the_first_answer(self, bench):
        factory.account(bench, pending=True)
        token = factory.token(bench)
        key = OncePerKey("accounts.confirm_email", "visitor", "one", b"")
        first = over_the_service(bench, token, guard=key)
        with pytest.raises(AlreadyDone) as repeated:
            over_the_service(bench, token, guard=key)
        assert repeated.value.result == first

    def test_is_good_until_the_end_of_its_third_day(self, bench):
        factory.account(bench, pending=True)
        bench.move_clock(3 * DAYS - MINUTES)
        factory.confirm(bench, factory.token(bench))

    @pytest.mark.parametrize("token", UNKNOWN)
    def test_knows_no_foreign_link(self, bench, token, monkeypatch):
        with factory.counting(bench, monkeypatch) as work, pytest.raises(LinkIsUnknown):
            over_the_service(bench, token)
        assert work.hashes == 0

    def test_knows_no_cut_link(self, bench):
        factory.account(bench, pending=True)
        with pytest.raises(LinkIsUnknown):
            over_the_service(bench, factory.token(bench)[:-1])

    @pytest.mark.parametrize("password", [factory.PASSWORD, factory.OTHER_PASSWORD])
    @pytest.mark.parametrize("over", OVER)
    def test_refuses_a_link_that_was_good_once(self, bench, over, password):
        factory.account(bench, pending=True)
        token = over(bench)
        before = factory.row(bench)
        with pytest.raises(ConfirmationLinkIsOver):
            factory.confirm(bench, token, password)
        assert factory.row(bench) == before


class TestTwoAtOnce:
    """Confirmations and sign-ups of one address come one after the other."""

    def test_confirm_once(self, bench):
        for turn in range(ROUNDS):
            email = f"{turn}@jardins.example"
            factory.sign_up(bench, email)
            token = factory.token(bench, email)
            confirm = lambda: factory.confirm(bench, token)  # noqa: B023, E731
            outcomes = factory.at_once(confirm, confirm)
            assert sorted(isinstance(outcome, ConfirmationLinkIsOver) for outcome in outcomes) == [False, True]
        assert len(bench.announced("accounts.email_confirmed")) == ROUNDS

    def test_confirm_the_last_sign_up_or_nothing(self, bench):
        """Whichever is first, the password that was confirmed is the one that logs in."""
        for turn in range(ROUNDS):
            email = f"{turn}@jardins.example"
            factory.sign_up(bench, email)
            token = factory.token(bench, email)
            confirm = lambda: factory.confirm(bench, token)  # noqa: B023, E731
            sign_up = lambda: factory.sign_up(bench, email, factory.OTHER_PASSWORD)  # noqa: B023, E731
            confirmed, _ = factory.at_once(confirm, sign_up)
            row = factory.row(bench, email)
            is_refused = isinstance(confirmed, PasswordIsNotTheSignUps)
            assert is_refused == (row.email_confirmed_at is None), confirmed
            assert row.password_hash == factory.hash_of(factory.OTHER_PASSWORD if is_refused else factory.PASSWORD)

    def test_would_confirm_twice_without_the_lock(self, bench, monkeypatch):
        """The negative control: both look at the link before either uses it."""
        both_have_read, read = threading.Barrier(2), queries.confirmation_of_link

        def read_and_wait(session, token_hash):
            found = read(session, token_hash)
            both_have_read.wait(10)
            return found

        factory.account(bench, pending=True)
        token = factory.token(bench)
        sign_up = bench.act(actions.find_sign_up, VISITOR, token=token)
        monkeypatch.setattr(queries, "lock_account", queries.account)
        monkeypatch.setattr(queries, "confirmation_of_link", read_and_wait)
        request = {"token": token, "sign_up": sign_up, "is_its_password": True}
        confirm = lambda: bench.act(actions.confirm_email, VISITOR, **request)  # noqa: E731
        assert factory.at_once(confirm, confirm) == [{"email": factory.EMAIL}] * 2


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
