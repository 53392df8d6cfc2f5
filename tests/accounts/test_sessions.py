"""Logging in and out, on a real database."""

from datetime import timedelta

import pytest

from chassis.subject import Subject
from chassis.testing.subjects import VISITOR
from chassis.tokens import token_hash
from contracts import accounts as contract
from contracts.accounts import EmailMustBeConfirmed, SessionHasEnded, WrongEmailOrPassword
from contracts.errors import Unauthenticated
from contracts.vocabulary import AccountKind, SubjectKind
from services.accounts import actions
from tests.factories import accounts as factory

REQUESTED = "accounts.email_confirmation_requested"
SECONDS, MINUTES, HOURS, DAYS = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WHO = {
    "unknown@jardins.example": None,
    "known@jardins.example": {},
    "pending@jardins.example": {"pending": True},
    "closed@jardins.example": {"closed": True},
}


def enter(bench, email=factory.EMAIL, password=factory.PASSWORD):
    """Log in over the service."""
    return factory.worker(bench, contract.log_in).log_in(email=email, password=password)


def session_of(bench, token):
    return bench.read(actions.get_session, VISITOR, session_token=token)


class TestLogIn:
    def test_opens_a_session(self, bench):
        row = factory.account(bench)
        opened = enter(bench)
        assert (opened["session"]["account_id"], opened["session"]["kind"]) == (row.account_id, AccountKind.EMPLOYER)
        assert opened["session"]["expires_at"] == opened["session"]["authenticated_at"] + 2 * HOURS

    @pytest.mark.parametrize("email", ["amelie.dupre@jardins.example", "AMELIE.DUPRE@JARDINS.EXAMPLE"])
    def test_takes_an_address_in_any_case(self, bench, email):
        """ACC-06."""
        factory.account(bench)
        enter(bench, email)

    def test_gives_a_new_token_each_time_and_stores_its_hash_only(self, bench):
        """A-10, C3."""
        factory.account(bench)
        tokens = [enter(bench)["session_token"] for _ in range(3)]
        stored = {row.token_hash for row in bench.rows("SELECT * FROM sessions")}
        assert stored == {token_hash(token) for token in tokens}
        assert all(len(token) == 43 for token in set(tokens))

    def test_answers_alike_and_does_the_same_work_whoever_is_asked_for(self, bench, monkeypatch):
        """A-01, C5: unknown, known, unconfirmed and closed, with a wrong password."""
        for email, traits in WHO.items():
            if traits is not None:
                factory.account(bench, email, **traits)
        seen = set()
        for email in WHO:
            with factory.counting(bench, monkeypatch) as work, pytest.raises(WrongEmailOrPassword) as refused:
                enter(bench, email, factory.OTHER_PASSWORD)
            seen.add((str(refused.value.to_wire()), work.statements, work.hashes, len(bench.announced())))
        assert len(seen) == 1, seen
        assert next(iter(seen))[2:] == (1, 0)

    def test_refuses_a_closed_account_alike_with_the_right_password(self, bench):
        factory.account(bench, closed=True)
        with pytest.raises(WrongEmailOrPassword):
            enter(bench)

    def test_asks_a_pending_account_to_confirm_and_sends_a_new_link(self, bench):
        """ACC-50, 11.14: with the right password; at most one mail in three minutes, each good for three days."""
        factory.account(bench, pending=True)
        for moved, issue, mails in [(1 * MINUTES, 1, 0), (3 * MINUTES, 2, 1), (4 * MINUTES, 2, 1), (5 * DAYS, 3, 2)]:
            bench.move_clock(moved)
            with pytest.raises(EmailMustBeConfirmed):
                enter(bench)
            assert (factory.row(bench).confirmation_issue, len(bench.announced(REQUESTED))) == (issue, mails)
        assert bench.rows("SELECT * FROM sessions") == []
        factory.confirm(bench, factory.token(bench))
        enter(bench)

    @pytest.mark.parametrize(
        "change", ["password_hash = 'changed'", "deactivated_at = created_at"], ids=["password changed", "closed"]
    )
    def test_refuses_what_changed_while_the_hash_was_computed(self, bench, change):
        factory.account(bench)
        credentials = bench.act(actions.find_credentials, VISITOR, email=factory.EMAIL)
        bench.rows(f"UPDATE accounts SET {change}")
        with pytest.raises(WrongEmailOrPassword):
            bench.act(actions.log_in, VISITOR, credentials=credentials, session_token="x", token_key=factory.TOKEN_KEY)


class TestGetSession:
    """Idle 2 h, absolute 12 h."""

    def test_tells_whose_it_is(self, bench):
        row = factory.account(bench)
        opened = factory.log_in(bench)
        shown = session_of(bench, opened["session_token"])
        assert (shown["account_id"], shown["session_id"]) == (row.account_id, opened["session"]["session_id"])

    @pytest.mark.parametrize("token", ["", "x", "é", "A" * 43])
    def test_knows_no_foreign_token(self, bench, token):
        with pytest.raises(SessionHasEnded):
            session_of(bench, token)

    def test_ends_after_two_idle_hours(self, bench):
        factory.account(bench)
        token = factory.log_in(bench)["session_token"]
        bench.move_clock(2 * HOURS - MINUTES)
        session_of(bench, token)
        bench.move_clock(4 * HOURS)
        with pytest.raises(SessionHasEnded):
            session_of(bench, token)

    def test_ends_at_its_twelfth_hour_however_busy(self, bench):
        factory.account(bench)
        token = factory.log_in(bench)["session_token"]
        for hour in range(1, 12):
            bench.move_clock(hour * HOURS)
            session_of(bench, token)
        bench.move_clock(12 * HOURS)
        with pytest.raises(SessionHasEnded):
            session_of(bench, token)

    def test_writes_at_most_once_a_minute(self, bench, monkeypatch):
        factory.account(bench)
        token = factory.log_in(bench)["session_token"]
        counts = []
        for seconds in (30, 61, 90):
            bench.move_clock(seconds * SECONDS)
            with factory.counting(bench, monkeypatch) as work:
                session_of(bench, token)
            counts.append(work.statements)
        assert counts == [2, 3, 2]

    def test_ends_when_its_account_is_closed(self, bench):
        factory.account(bench)
        token = factory.log_in(bench)["session_token"]
        bench.rows("UPDATE accounts SET deactivated_at = created_at")
        with pytest.raises(SessionHasEnded):
            session_of(bench, token)


class TestLogOut:
    def test_ends_this_session_alone(self, bench):
        row = factory.account(bench)
        one, other = factory.log_in(bench), factory.log_in(bench)
        bench.act(actions.log_out, subject(row.account_id, one["session"]["session_id"]))
        with pytest.raises(SessionHasEnded):
            session_of(bench, one["session_token"])
        session_of(bench, other["session_token"])

    def test_leaves_other_peoples_sessions_alone(self, bench):
        stranger = factory.account(bench, "stranger@jardins.example")
        factory.account(bench)
        opened = factory.log_in(bench)
        bench.act(actions.log_out, subject(stranger.account_id, opened["session"]["session_id"]))
        session_of(bench, opened["session_token"])

    def test_is_for_people_who_are_logged_in(self, bench):
        with pytest.raises(Unauthenticated):
            bench.act(actions.log_out, VISITOR)


class TestForgetOldSessions:
    def test_keeps_them_a_day_beyond_their_end(self, bench):
        factory.account(bench)
        factory.log_in(bench)
        bench.move_clock(35 * HOURS)
        assert bench.act(actions.forget_old_sessions, VISITOR) == 0
        bench.move_clock(37 * HOURS)
        assert bench.act(actions.forget_old_sessions, VISITOR) == 1


def subject(account_id, session_id):
    return Subject(issuer="gateway", kind=SubjectKind.EMPLOYER, account_id=account_id, session_id=session_id)
