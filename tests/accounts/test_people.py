"""Who somebody is, on a real database."""

from uuid import uuid4

import pytest

from chassis.testing.subjects import VISITOR, employer, service
from contracts.accounts import Account, AccountNotFound
from contracts.errors import Unauthenticated
from contracts.organizations import StructureHasMembers
from services.accounts import actions
from services.accounts.domain import JoinOutcome
from tests.factories import accounts as factory


def ask(bench, row):
    """What the account's own person is shown."""
    return Account().dump(bench.read(actions.get_account, employer(row.account_id)))


class TestGetAccount:
    def test_shows_who_asks(self, bench):
        row = factory.account(bench)
        assert ask(bench, row) == {
            "account_id": str(row.account_id),
            "email": factory.EMAIL,
            "first_name": "Amélie",
            "last_name": "Dupré",
            "kind": "employer",
            "is_open": True,
            "join_state": "remembered",
            "join_organization_id": str(row.join_organization_id),
            "join_refusal": None,
        }

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [("StructureHasMembers", StructureHasMembers.__doc__), ("FromANewerRelease", "La demande est refusée.")],
    )
    def test_tells_in_a_sentence_why_the_join_was_refused(self, bench, name, sentence):
        row = factory.account(bench)
        bench.act(actions.settle_join, service("accounts"), account_id=row.account_id, outcome=JoinOutcome("refuse", name))
        shown = ask(bench, row)
        assert (shown["join_state"], shown["join_refusal"]) == ("refused", sentence)

    def test_tells_who_joins_nothing_nothing(self, bench):
        factory.sign_up_invited(bench)
        shown = ask(bench, factory.row(bench))
        assert (shown["join_state"], shown["join_organization_id"], shown["join_refusal"]) == (None, None, None)

    def test_is_for_people_who_are_logged_in(self, bench):
        with pytest.raises(Unauthenticated):
            bench.read(actions.get_account, VISITOR)

    def test_knows_no_account_that_is_gone(self, bench):
        with pytest.raises(AccountNotFound):
            bench.read(actions.get_account, employer(uuid4()))


class TestGetContacts:
    def ask(self, bench, *account_ids):
        answer = bench.read(actions.get_contacts, service("notifications"), account_ids=list(account_ids))
        return {contact["email"]: contact["is_open"] for contact in answer["items"]}

    def test_leaves_out_who_is_unknown(self, bench):
        row = factory.account(bench)
        assert self.ask(bench, uuid4(), row.account_id, row.account_id) == {factory.EMAIL: True}
        assert self.ask(bench) == {}

    def test_tells_who_is_closed_and_reaches_who_is_pending(self, bench):
        closed = factory.account(bench, "closed@jardins.example", closed=True)
        pending = factory.account(bench, "pending@jardins.example", pending=True)
        known = self.ask(bench, closed.account_id, pending.account_id)
        assert known == {"closed@jardins.example": False, "pending@jardins.example": True}
