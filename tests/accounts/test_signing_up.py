"""How accounts come to be, on a real database."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from chassis.testing.subjects import VISITOR, service
from contracts.accounts import AddressHasAnAccount, AddressHasAnotherKind, ClaimIsNotValid
from contracts.addresses import email_key
from contracts.vocabulary import AccountKind
from services.accounts import actions, queries
from services.accounts.actions.signing_up import AccountWasMadeMeanwhile
from tests.factories import accounts as factory

REQUESTED, KNOWN = "accounts.email_confirmation_requested", "accounts.known_address_signed_up"
SECONDS, MINUTES, DAYS = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
ROUNDS = 200
VARIANTS = [
    ("amelie@jardins.example", "AMELIE@JARDINS.EXAMPLE"),
    ("stra\u00dfe@jardins.example", "STRASSE@jardins.example"),
    ("\ufb01ona@jardins.example", "fiona@jardins.example"),
    ("\u0130rem@jardins.example", "i\u0307rem@jardins.example"),
    ("zo\u00eb@jardins.example", "zoe\u0308@jardins.example"),
]


class TestSignUpEmployer:
    """ACC-26: the account waits for its confirmation, and for its structure."""

    def test_makes_a_pending_account_that_remembers_the_structure(self, bench):
        link = factory.magic_link()
        assert factory.sign_up(bench, link=link) == {"email": factory.EMAIL}
        row = factory.row(bench)
        assert (row.kind, row.email_confirmed_at, row.email) == ("employer", None, factory.EMAIL)
        assert (row.join_state, row.join_magic_link_id) == ("remembered", link["magic_link_id"])
        assert row.join_organization_id == link["structure"]["organization_id"]
        assert row.terms_accepted_at == row.created_at
        assert row.pending_until == row.created_at + 3 * DAYS

    def test_announces_a_link_without_its_token(self, bench):
        factory.sign_up(bench)
        (fact,) = bench.announced(REQUESTED)
        row = factory.row(bench)
        assert (fact["account_id"], fact["issue"]) == (str(row.account_id), 1)
        assert set(fact) == {"account_id", "confirmation_id", "issue"}

    def test_stores_neither_password_nor_token(self, bench):
        """A-11."""
        factory.sign_up(bench)
        dump = str(bench.rows("SELECT * FROM accounts, email_confirmations, outbox"))
        assert factory.PASSWORD not in dump
        assert factory.token(bench) not in dump

    def test_answers_a_known_address_alike_and_tells_its_owner(self, bench):
        """F-19."""
        before = factory.account(bench)
        bench.move_clock(3 * MINUTES)
        assert factory.sign_up(bench, factory.EMAIL, factory.OTHER_PASSWORD) == {"email": factory.EMAIL}
        after = factory.row(bench)
        assert (after.password_hash, after.join_magic_link_id) == (before.password_hash, before.join_magic_link_id)
        assert bench.announced() == [{"account_id": str(before.account_id)}]
        assert bench.announced(KNOWN) == bench.announced()

    @pytest.mark.parametrize("pending", [True, False])
    def test_sends_one_mail_in_three_minutes(self, bench, pending):
        factory.account(bench, pending=pending)
        factory.sign_up(bench)
        assert bench.announced() == []
        bench.move_clock(3 * MINUTES)
        factory.sign_up(bench)
        factory.sign_up(bench)
        assert len(bench.announced()) == 1

    @pytest.mark.parametrize("pending", [True, False])
    def test_sends_ten_mails_a_day(self, bench, pending):
        factory.account(bench, pending=pending)
        for turn in range(1, 15):
            bench.move_clock(turn * 4 * MINUTES)
            factory.sign_up(bench)
        assert len(bench.announced()) == 9  # The account's own was the first.

    def test_replaces_what_was_typed_before_and_leaves_the_link_that_is_good(self, bench):
        """Decision 6: whoever signs up first with somebody's address chooses nothing for them."""
        first, mailed = factory.account(bench, pending=True), factory.token(bench)
        bench.move_clock(3 * MINUTES)
        link = factory.magic_link()
        factory.sign_up(bench, factory.EMAIL, factory.OTHER_PASSWORD, link, first_name="Zoé", last_name="Le Gall")
        after = factory.row(bench)
        assert (after.first_name, after.last_name) == ("Zoé", "Le Gall")
        assert after.password_hash == factory.hash_of(factory.OTHER_PASSWORD)
        assert (after.join_state, after.join_magic_link_id) == ("remembered", link["magic_link_id"])
        assert after.join_organization_id == link["structure"]["organization_id"]
        assert after.terms_accepted_at >= first.terms_accepted_at + 3 * MINUTES
        assert (after.account_id, after.pending_until) == (first.account_id, first.pending_until)
        (fact,) = bench.announced(REQUESTED)
        assert fact["issue"] == first.confirmation_issue
        factory.confirm(bench, mailed, factory.OTHER_PASSWORD)

    def test_replaces_them_though_no_mail_may_be_sent(self, bench):
        """A mistyped password is put right at once; the first mail's link serves."""
        factory.account(bench, pending=True, password=factory.OTHER_PASSWORD)
        factory.sign_up(bench)
        assert bench.announced() == []
        factory.confirm(bench, factory.token(bench), factory.PASSWORD)

    def test_keeps_the_spelling_that_the_good_link_was_mailed_to(self, bench):
        """« straße » and « strasse » are one account, and may be two mailboxes: the link of one proves nothing of the other."""
        mine, yours = "strasse@jardins.example", "stra\u00dfe@jardins.example"
        factory.sign_up(bench, mine)
        factory.sign_up(bench, yours, factory.OTHER_PASSWORD)
        factory.confirm(bench, factory.token(bench, mine), factory.OTHER_PASSWORD)
        assert factory.row(bench, mine).email == mine

    def test_replaces_a_sign_up_that_lapsed(self, bench):
        first = factory.account(bench, pending=True)
        former = factory.token(bench)
        bench.move_clock(3 * DAYS + SECONDS)
        link = factory.magic_link()
        factory.sign_up(bench, factory.EMAIL, factory.OTHER_PASSWORD, link)
        after = factory.row(bench)
        assert (after.account_id, after.confirmation_issue) == (first.account_id, 2)
        assert after.join_magic_link_id == link["magic_link_id"]
        assert after.password_hash == factory.hash_of(factory.OTHER_PASSWORD)
        assert factory.token(bench) != former
        factory.confirm(bench, factory.token(bench), factory.OTHER_PASSWORD)

    def test_leaves_a_closed_account_as_it_is(self, bench):
        before = factory.account(bench, pending=True, closed=True)
        bench.move_clock(4 * DAYS)
        factory.sign_up(bench, factory.EMAIL, factory.OTHER_PASSWORD)
        assert factory.row(bench).password_hash == before.password_hash

    def test_costs_the_same_whatever_the_address(self, bench, monkeypatch):
        """A-02, C5: the same statements, hashes and mails for unknown, pending, lapsed, known and closed."""
        factory.account(bench, "lapsed@jardins.example", pending=True)
        bench.move_clock(4 * DAYS)
        factory.account(bench, "pending@jardins.example", pending=True)
        factory.account(bench, "known@jardins.example")
        factory.account(bench, "closed@jardins.example", closed=True)
        bench.move_clock(4 * DAYS + 4 * MINUTES)
        work = {}
        for who in ("unknown", "pending", "lapsed", "known", "closed"):
            before = len(bench.announced())
            with factory.counting(bench, monkeypatch) as counted:
                _sign_up_over_the_service(bench, f"{who}@jardins.example")
            work[who] = (counted.statements, counted.hashes, len(bench.announced()) - before)
        assert len(set(work.values())) == 1, work
        assert work["unknown"][1:] == (1, 1)


def _sign_up_over_the_service(bench, email):
    request = {"email": email, "first_name": "Amélie", "last_name": "Dupré", "password": factory.OTHER_PASSWORD}
    factory.worker(bench).sign_up_employer(magic_link_token="x", accepts_terms=True, **request)


class TestTwoSignUpsAtOnce:
    """A-09: one account for one mailbox, however it is spelt and however close the two come."""

    def test_make_one_account(self, bench):
        for turn in range(ROUNDS):
            pair = [f"{turn}{email}" for email in VARIANTS[turn % len(VARIANTS)]]
            outcomes = factory.at_once(*(lambda email=email: factory.sign_up(bench, email) for email in pair))
            assert outcomes == [{"email": email} for email in pair]
            assert _count(bench, pair[0]) == 1
        assert len(bench.announced(REQUESTED)) == ROUNDS

    def test_would_make_two_without_the_one_statement(self, own_bench):
        """The negative control: look first, then insert, without the unique constraint."""
        own_bench.rows("ALTER TABLE accounts DROP CONSTRAINT uq_accounts_email_key")
        for turn in range(ROUNDS):
            pair = [f"{turn}{email}" for email in VARIANTS[turn % len(VARIANTS)]]
            factory.at_once(*(lambda email=email: _naive_sign_up(own_bench, email) for email in pair))
        assert len(own_bench.rows("SELECT email_key FROM accounts GROUP BY email_key HAVING count(*) > 1")) > 0

    def test_of_one_invitation_make_one_account(self, bench):
        for turn in range(ROUNDS):
            invitation_id, email = uuid4(), f"{turn}@jardins.example"
            sign_up = lambda: factory.sign_up_invited(bench, email=email, invitation_id=invitation_id)  # noqa: B023, E731
            outcomes = factory.at_once(sign_up, sign_up)
            refusals = (AddressHasAnAccount, AccountWasMadeMeanwhile)
            assert sorted(isinstance(outcome, refusals) for outcome in outcomes) == [False, True]
            assert _count(bench, email) == 1


def _count(bench, email):
    return bench.rows("SELECT count(*) FROM accounts WHERE email_key = :key", key=email_key(email))[0][0]


def _naive_sign_up(bench, email):
    values = {"account_id": uuid4(), "email": email, "key": email_key(email)}
    with bench.store.transaction() as (session, now):
        if session.execute(text("SELECT 1 FROM accounts WHERE email_key = :key"), values).first():
            return
        session.execute(text(_NAIVE), {**values, "now": now})


_NAIVE = """
    INSERT INTO accounts (account_id, kind, email, email_key, first_name, last_name, password_hash, created_at, pending_until,
                          confirmation_issue, mail_count)
    VALUES (:account_id, 'employer', :email, :key, 'A', 'B', 'x', :now, :now, 1, 0)
"""


class TestEraseUnconfirmed:
    """Architecture 3: after 30 days, from the sign-up or from the last link that its password brought."""

    def erase(self, bench):
        return bench.act(actions.erase_unconfirmed, service("accounts"))

    def test_leaves_nothing_of_a_sign_up_after_thirty_days(self, bench):
        factory.account(bench, pending=True)
        bench.move_clock(30 * DAYS - MINUTES)
        assert self.erase(bench) == 0
        bench.move_clock(30 * DAYS + MINUTES)
        assert self.erase(bench) == 1
        assert bench.rows("SELECT account_id FROM accounts UNION SELECT account_id FROM email_confirmations") == []

    def test_leaves_confirmed_accounts_alone(self, bench):
        factory.account(bench)
        bench.move_clock(400 * DAYS)
        assert self.erase(bench) == 0

    def test_counts_from_the_last_link(self, bench):
        factory.account(bench, pending=True)
        bench.move_clock(29 * DAYS)
        factory.log_in(bench)
        bench.move_clock(58 * DAYS)
        assert self.erase(bench) == 0
        bench.move_clock(60 * DAYS)
        assert self.erase(bench) == 1

    def test_erases_so_many_in_one_turn_the_oldest_first(self, bench, monkeypatch):
        monkeypatch.setattr("services.accounts.queries.ERASED", 2)
        for number in range(3):
            bench.move_clock(number * MINUTES)
            factory.account(bench, f"{number}@jardins.example", pending=True)
        bench.move_clock(40 * DAYS)
        assert self.erase(bench) == 2
        assert factory.row(bench, "2@jardins.example")
        assert (self.erase(bench), self.erase(bench)) == (1, 0)

    def test_leaves_alone_who_is_signing_up_anew(self, bench):
        """Held by a sign-up that is not committed yet, an account is neither waited for nor erased."""
        factory.account(bench, pending=True)
        bench.move_clock(40 * DAYS)
        with bench.store.transaction() as (session, _):
            queries.lock_account_by_email(session, factory.EMAIL)
            assert self.erase(bench) == 0
        assert self.erase(bench) == 1


class TestCheckClaim:
    def check(self, bench, claim):
        return bench.act(actions.check_claim, VISITOR, claim=claim, public_keys=factory.PUBLIC_KEYS)

    def test_reads_what_invitations_vouches_for(self, bench):
        invitation_id = uuid4()
        admitted = self.check(bench, factory.claim(bench, invitation_id=invitation_id))
        assert (admitted.admission.email, admitted.admission.invitation_id) == (factory.EMAIL, invitation_id)
        assert admitted.password_hash is None

    def test_finds_what_the_invitation_made(self, bench):
        invitation_id = uuid4()
        factory.sign_up_invited(bench, invitation_id=invitation_id)
        admitted = self.check(bench, factory.claim(bench, invitation_id=invitation_id))
        assert admitted.password_hash == factory.hash_of(factory.PASSWORD)

    @pytest.mark.parametrize(
        "change",
        [
            {"key": factory.STRANGERS_KEY},
            {"lasts": -1},
            {"iss": "accounts", "key": factory.STRANGERS_KEY},
            {"iss": "nobody"},
            {"purpose": "visit"},
            {"proves_address": False},
        ],
    )
    def test_refuses_what_is_forged_expired_or_for_something_else(self, bench, change):
        with pytest.raises(ClaimIsNotValid):
            self.check(bench, factory.claim(bench, **change))

    @pytest.mark.parametrize("claim", ["", ".", "x", "a.b", "bnVsbA.AAAA", "é.é"])
    def test_refuses_what_is_no_claim(self, bench, claim):
        with pytest.raises(ClaimIsNotValid):
            self.check(bench, claim)

    def test_refuses_a_cut_one(self, bench):
        with pytest.raises(ClaimIsNotValid):
            self.check(bench, factory.claim(bench)[:-4])


class TestSignUpInvited:
    """ACC-51: the mailed link proves the address."""

    def test_makes_a_confirmed_account_and_a_session(self, bench):
        invitation_id = uuid4()
        opened = factory.sign_up_invited(bench, invitation_id=invitation_id)
        row = factory.row(bench)
        assert (row.invitation_id, row.pending_until, row.join_state) == (invitation_id, None, None)
        assert row.email_confirmed_at == row.terms_accepted_at == row.created_at
        assert opened["session"]["account_id"] == row.account_id
        found = bench.read(actions.get_session, VISITOR, session_token=opened["session_token"])
        assert found["kind"] == AccountKind.EMPLOYER

    def test_repeated_with_the_same_password_opens_another_session(self, bench):
        invitation_id = uuid4()
        first = factory.sign_up_invited(bench, invitation_id=invitation_id)
        again = factory.sign_up_invited(bench, invitation_id=invitation_id, is_same_password=True)
        assert again["session"]["account_id"] == first["session"]["account_id"]
        assert again["session_token"] != first["session_token"]

    def test_repeated_with_another_password_is_refused(self, bench):
        invitation_id = uuid4()
        factory.sign_up_invited(bench, invitation_id=invitation_id)
        with pytest.raises(AddressHasAnAccount):
            factory.sign_up_invited(bench, invitation_id=invitation_id, password=factory.OTHER_PASSWORD)

    def test_refuses_an_address_that_has_an_account(self, bench):
        factory.account(bench)
        with pytest.raises(AddressHasAnAccount):
            factory.sign_up_invited(bench, is_same_password=True)

    def test_refuses_an_invitation_whose_account_is_closed(self, bench):
        invitation_id = uuid4()
        factory.sign_up_invited(bench, invitation_id=invitation_id)
        bench.rows("UPDATE accounts SET deactivated_at = created_at")
        with pytest.raises(AddressHasAnAccount):
            factory.sign_up_invited(bench, invitation_id=invitation_id, is_same_password=True)

    def test_refuses_an_invitation_whose_account_has_another_address_now(self, bench):
        invitation_id = uuid4()
        factory.sign_up_invited(bench, invitation_id=invitation_id)
        bench.rows("UPDATE accounts SET email_key = 'elsewhere@jardins.example'")
        with pytest.raises(AddressHasAnAccount):
            factory.sign_up_invited(bench, invitation_id=invitation_id, is_same_password=True)

    def test_tells_who_has_an_account_of_another_kind_to_use_another_address(self, bench):
        """F-52."""
        factory.account(bench, kind=AccountKind.PRESCRIBER)
        with pytest.raises(AddressHasAnotherKind):
            factory.sign_up_invited(bench)

    def test_tells_them_to_log_in_once_both_kinds_may_be_one(self, bench):
        """G-07."""
        factory.account(bench, kind=AccountKind.PRESCRIBER)
        with pytest.raises(AddressHasAnAccount):
            factory.sign_up_invited(bench, one_kind=False)

    def test_takes_over_a_pending_account_of_the_address(self, bench):
        """Nobody can keep an invited person out by signing up with their address before them."""
        pending = factory.account(bench, pending=True, password=factory.OTHER_PASSWORD)
        link = factory.token(bench)
        factory.sign_up_invited(bench)
        row = factory.row(bench)
        assert (row.account_id, row.password_hash) == (pending.account_id, factory.hash_of(factory.PASSWORD))
        assert (row.join_state, row.join_magic_link_id, row.pending_until) == (None, None, None)
        with pytest.raises(Exception, match="déjà servi"):
            factory.confirm(bench, link)


class TestCreateStaff:
    def test_makes_a_confirmed_account(self, bench):
        made = factory.create_staff(bench)
        row = factory.row(bench, "lou.martin@emplois.example")
        assert (row.account_id, row.kind, row.pending_until) == (made.account_id, "staff", None)

    def test_refuses_an_address_that_has_an_account(self, bench):
        factory.account(bench)
        with pytest.raises(AddressHasAnAccount):
            factory.create_staff(bench, factory.EMAIL.upper())


def test_threads_really_start_together():
    """The races above mean something only if their threads run side by side."""
    barrier = threading.Barrier(2)
    assert sorted(factory.at_once(lambda: barrier.wait(5), lambda: barrier.wait(5))) == [0, 1]
