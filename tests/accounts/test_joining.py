"""What a sign-up remembers, asked from organizations until answered."""

import threading
import time
from datetime import timedelta

import pytest

from chassis.serve import CallerIsNotDeclared
from chassis.subject import SubjectIsNotValid
from chassis.testing.subjects import VISITOR, service
from chassis.wire import CallFailed, CallTimedOut
from contracts.errors import Forbidden
from contracts.organizations import MagicLinkIsOver, StructureHasMembers, StructureIsNotActive
from services.accounts import actions, joining, queries
from services.accounts.domain import JoinOutcome
from tests.factories import accounts as factory

ACCOUNTS = service("accounts")
FINAL = [MagicLinkIsOver(), StructureHasMembers(), StructureIsNotActive(), Forbidden()]
PASSING = [CallTimedOut(), CallFailed("request")]
MISTAKEN = [SubjectIsNotValid(), CallerIsNotDeclared()]  # No answer about the structure: a key or a deployment is behind.
MINUTES, DAYS = timedelta(minutes=1), timedelta(days=1)


def confirm(bench, call):
    return factory.worker(bench, call=call).confirm_email(token=factory.token(bench), password=factory.PASSWORD)


def hear(bench, call):
    row = factory.row(bench)
    factory.worker(bench, subject=ACCOUNTS, call=call).claim_remembered_structure(account_id=row.account_id)


def joined(bench):
    row = factory.row(bench)
    return row.join_state, row.join_refusal


class TestConfirmEmail:
    def test_joins_at_once(self, bench):
        row = factory.account(bench, pending=True)
        organizations = factory.Organizations()
        confirm(bench, organizations)
        request = {"account_id": row.account_id, "magic_link_id": row.join_magic_link_id}
        assert organizations.asked == [("organizations.claim_structure", request)]
        assert joined(bench) == ("joined", None)

    def test_waits_for_organizations_a_little_only(self, bench):
        """The address is confirmed: who did it waits two seconds at most for what may come later."""
        factory.account(bench, pending=True)
        organizations = factory.Organizations()
        confirm(bench, organizations)
        assert organizations.limits == [2.0]

    @pytest.mark.parametrize("answer", FINAL, ids=lambda answer: type(answer).__name__)
    def test_remembers_a_refusal(self, bench, answer):
        """The account stays; the person is told to ask for an invitation."""
        factory.account(bench, pending=True)
        confirm(bench, factory.Organizations(answer))
        assert joined(bench) == ("refused", type(answer).__name__)
        assert factory.row(bench).email_confirmed_at

    @pytest.mark.parametrize("answer", PASSING, ids=lambda answer: type(answer).__name__)
    def test_leaves_to_the_event_what_may_heal(self, bench, answer):
        factory.account(bench, pending=True)
        confirm(bench, factory.Organizations(answer))
        assert joined(bench) == ("remembered", None)
        assert factory.row(bench).email_confirmed_at
        hear(bench, factory.Organizations())
        assert joined(bench) == ("joined", None)


class TestClaimRememberedStructure:
    def test_asks_once_more_only_while_it_is_not_settled(self, bench):
        factory.account(bench)
        organizations = factory.Organizations()
        hear(bench, organizations)
        hear(bench, organizations)
        assert len(organizations.asked) == 1
        assert joined(bench) == ("joined", None)

    @pytest.mark.parametrize("answer", PASSING, ids=lambda answer: type(answer).__name__)
    def test_is_heard_again_when_it_may_heal(self, bench, answer):
        factory.account(bench)
        with pytest.raises(type(answer)):
            hear(bench, factory.Organizations(answer))
        assert joined(bench) == ("remembered", None)

    def test_asks_nothing_for_who_joins_nothing(self, bench):
        factory.sign_up_invited(bench)
        organizations = factory.Organizations()
        hear(bench, organizations)
        assert organizations.asked == []


class TestSettleJoin:
    def test_keeps_what_was_settled(self, bench):
        row = factory.account(bench)
        for outcome in (JoinOutcome("join"), JoinOutcome("refuse", "StructureHasMembers"), None):
            bench.act(actions.settle_join, ACCOUNTS, account_id=row.account_id, outcome=outcome)
        assert joined(bench) == ("joined", None)

    def test_keeps_what_was_settled_first_when_two_settle_at_once(self, bench, monkeypatch):
        row = factory.account(bench)
        settle_joined_then_refused(bench, monkeypatch, row.account_id, queries.lock_account)
        assert joined(bench) == ("joined", None)

    def test_would_not_keep_it_without_the_lock(self, bench, monkeypatch):
        """The negative control: the second has read before the first writes, and writes over it."""
        row = factory.account(bench)
        settle_joined_then_refused(bench, monkeypatch, row.account_id, queries.account)
        assert joined(bench) == ("refused", "X")


def settle_joined_then_refused(bench, monkeypatch, account_id, read):
    """Settle in two threads: the first when the second has read, or waits for the row; the second when the first has."""
    first_has_read, second_has_read, first_is_done = threading.Event(), threading.Event(), threading.Event()

    def read_and_wait(session, wanted_id):
        account = read(session, wanted_id)
        if threading.current_thread().name == "first":
            first_has_read.set()
            until(lambda: second_has_read.is_set() or somebody_waits_for_a_row(bench))
        else:
            second_has_read.set()
            assert first_is_done.wait(10)
        return account

    def settle(outcome):
        bench.act(actions.settle_join, ACCOUNTS, account_id=account_id, outcome=outcome)

    monkeypatch.setattr(queries, "lock_account", read_and_wait)
    first = threading.Thread(target=settle, args=[JoinOutcome("join")], name="first")
    second = threading.Thread(target=settle, args=[JoinOutcome("refuse", "X")])
    first.start()
    assert first_has_read.wait(10)
    second.start()
    first.join(20)
    first_is_done.set()
    second.join(20)


def somebody_waits_for_a_row(bench):
    return bench.rows("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it never happens"
        time.sleep(0.01)


class TestResumeJoins:
    """The event may be set aside dead, and is after a day of outage: the account still joins once organizations answers."""

    def resume(self, bench, call):
        joining.resume_joins(bench.work(ACCOUNTS), call)

    def left(self, bench, number=0):
        """An account that was confirmed a while ago and is still to join."""
        email = f"{number}@jardins.example"
        row = factory.account(bench, email)
        changed = "UPDATE accounts SET email_confirmed_at = created_at - :age WHERE account_id = :id"
        bench.rows(changed, age=MINUTES * (10 - number), id=row.account_id)
        return row

    @pytest.mark.parametrize("answer", [*PASSING, *MISTAKEN], ids=lambda answer: type(answer).__name__)
    def test_asks_at_each_turn_until_answered(self, bench, answer):
        self.left(bench)
        for _ in range(2):
            organizations = factory.Organizations(answer)
            self.resume(bench, organizations)
            assert len(organizations.asked) == 1
        self.resume(bench, factory.Organizations())
        nobody = factory.Organizations()
        self.resume(bench, nobody)
        assert nobody.asked == []
        assert bench.rows("SELECT join_state FROM accounts") == [("joined",)]

    def test_remembers_a_refusal(self, bench):
        self.left(bench)
        self.resume(bench, factory.Organizations(StructureHasMembers()))
        assert bench.rows("SELECT join_state, join_refusal FROM accounts") == [("refused", "StructureHasMembers")]

    def test_leaves_the_last_half_minute_to_the_confirmation_and_its_event(self, bench):
        factory.account(bench)
        organizations = factory.Organizations()
        self.resume(bench, organizations)
        bench.move_clock(timedelta(seconds=29))
        self.resume(bench, organizations)
        assert organizations.asked == []
        bench.move_clock(timedelta(seconds=32))
        self.resume(bench, organizations)
        assert len(organizations.asked) == 1

    def test_asks_nothing_for_who_has_not_confirmed_or_joins_nothing(self, bench):
        factory.account(bench, pending=True)
        factory.sign_up_invited(bench, email="bob@jardins.example")
        bench.move_clock(DAYS)
        organizations = factory.Organizations()
        self.resume(bench, organizations)
        assert organizations.asked == []

    def test_takes_so_many_the_oldest_first_and_each_a_little_only(self, bench, monkeypatch):
        monkeypatch.setattr(queries, "RESUMED", 2)
        rows = [self.left(bench, number) for number in range(3)]
        organizations = factory.Organizations(CallTimedOut())
        self.resume(bench, organizations)
        assert [request["account_id"] for _, request in organizations.asked] == [row.account_id for row in rows[:2]]
        assert organizations.limits == [2.0, 2.0]


class TestFindJoinOfLink:
    def test_finds_nothing_before_the_confirmation(self, bench):
        factory.account(bench, pending=True)
        assert bench.act(actions.find_join_of_link, VISITOR, token=factory.token(bench)) is None

    def test_finds_nothing_for_a_foreign_link(self, bench):
        assert bench.act(actions.find_join_of_link, VISITOR, token="x") is None
