"""What a sign-up remembers, asked from organizations until answered."""

import pytest

from chassis.testing.subjects import VISITOR, service
from chassis.wire import CallFailed, CallTimedOut
from contracts.errors import Forbidden
from contracts.organizations import MagicLinkIsOver, StructureHasMembers, StructureIsNotActive
from services.accounts import actions
from services.accounts.domain import JoinOutcome
from tests.factories import accounts as factory

ACCOUNTS = service("accounts")
FINAL = [MagicLinkIsOver(), StructureHasMembers(), StructureIsNotActive(), Forbidden()]
PASSING = [CallTimedOut(), CallFailed("request")]


def confirm(bench, call):
    return factory.worker(bench, call=call).confirm_email(token=factory.token(bench))


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

    def test_happens_once_when_settled_twice_at_once(self, bench):
        row = factory.account(bench)
        settle = [
            lambda move=move: bench.act(
                actions.settle_join,
                ACCOUNTS,
                account_id=row.account_id,
                outcome=JoinOutcome(move, "X" if move == "refuse" else None),
            )
            for move in ("join", "refuse")
        ]
        assert factory.at_once(*settle) == [None, None]
        assert joined(bench) in {("joined", None), ("refused", "X")}


class TestFindJoinOfLink:
    def test_finds_nothing_before_the_confirmation(self, bench):
        factory.account(bench, pending=True)
        assert bench.act(actions.find_join_of_link, VISITOR, token=factory.token(bench)) is None

    def test_finds_nothing_for_a_foreign_link(self, bench):
        assert bench.act(actions.find_join_of_link, VISITOR, token="x") is None
