"""How the entrypoints are wired, over a real database."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest

from chassis.testing.subjects import service
from chassis.timer import Every
from contracts import accounts as contract
from contracts.accounts import AddressHasAnAccount, ClaimIsNotValid, PasswordIsTooWeak
from contracts.organizations import MagicLinkIsOver
from services.accounts import passwords
from services.accounts.service import Accounts
from tests.contracts.binding import entrypoints
from tests.factories import accounts as factory

NAMES = {"first_name": "Amélie", "last_name": "Dupré"}


def sign_up(bench, call, password=factory.PASSWORD):
    request = {"magic_link_token": "token", "email": factory.EMAIL, "password": password, "accepts_terms": True, **NAMES}
    return factory.worker(bench, contract.sign_up_employer, call=call).sign_up_employer(**request)


class TestSignUpEmployer:
    def test_looks_at_the_magic_link_first(self, bench):
        organizations = factory.Organizations()
        assert sign_up(bench, organizations) == {"email": factory.EMAIL}
        assert organizations.asked == [("organizations.get_magic_link", {"token": "token"})]
        assert factory.row(bench).join_magic_link_id == organizations.answer["magic_link_id"]

    def test_refuses_a_password_made_of_the_structure_s_name(self, bench):
        with pytest.raises(PasswordIsTooWeak):
            sign_up(bench, factory.Organizations(), f"{factory.STRUCTURE_NAME} 51")

    def test_makes_nothing_of_a_link_that_is_over(self, bench, monkeypatch):
        with factory.counting(bench, monkeypatch) as work, pytest.raises(MagicLinkIsOver):
            sign_up(bench, factory.Organizations(MagicLinkIsOver()))
        assert (work.statements, work.hashes) == (0, 0)

    def test_refuses_a_weak_password_without_hashing_or_storing(self, bench, monkeypatch):
        with factory.counting(bench, monkeypatch) as work, pytest.raises(PasswordIsTooWeak):
            sign_up(bench, factory.Organizations(), "motdepassemotdepasse")
        assert (work.statements, work.hashes) == (0, 0)


class TestSignUpInvited:
    def accept(self, bench, claim, password=factory.PASSWORD):
        served = factory.worker(bench, contract.sign_up_invited)
        return served.sign_up_invited(claim=claim, password=password, accepts_terms=True, **NAMES)

    def test_opens_a_session_and_another_when_repeated(self, bench):
        claim = factory.claim(bench, invitation_id=uuid4())
        first, again = self.accept(bench, claim), self.accept(bench, claim)
        assert first["session"]["account_id"] == again["session"]["account_id"] == str(factory.row(bench).account_id)
        assert first["session_token"] != again["session_token"]

    def test_repeated_with_another_password_is_refused(self, bench):
        claim = factory.claim(bench)
        self.accept(bench, claim)
        with pytest.raises(AddressHasAnAccount):
            self.accept(bench, claim, factory.OTHER_PASSWORD)

    def test_asked_for_twice_at_once_lets_the_same_person_in_twice(self, bench, monkeypatch):
        """Both read the claim before either commits: each then hashes for a while, and one finds the account made."""
        claim, meet = factory.claim(bench, invitation_id=uuid4()), threading.Barrier(2)
        make_hash, made = passwords.make_hash, []

        def hash_together(*given, **named):
            made.append(make_hash(*given, **named))
            if len(made) <= 2:
                meet.wait(30)
            return made[-1]

        monkeypatch.setattr(passwords, "make_hash", hash_together)
        with ThreadPoolExecutor(2) as pool:
            opened = list(pool.map(lambda _: self.accept(bench, claim), range(2)))

        assert len({one["session"]["account_id"] for one in opened}) == 1
        assert len({one["session_token"] for one in opened}) == 2

    def test_refuses_a_forged_claim_without_hashing(self, bench, monkeypatch):
        claim = factory.claim(bench, key=factory.STRANGERS_KEY)
        with factory.counting(bench, monkeypatch) as work, pytest.raises(ClaimIsNotValid):
            self.accept(bench, claim)
        assert work.hashes == 0


class TestCreateStaff:
    def test_makes_an_account_that_logs_in(self, bench):
        email = "lou.martin@emplois.example"
        served = factory.worker(bench, contract.create_staff, subject=service("operator"))
        made = served.create_staff(email=email, password=factory.PASSWORD, **NAMES)
        opened = factory.worker(bench, contract.log_in).log_in(email=email, password=factory.PASSWORD)
        assert (str(opened["session"]["account_id"]), opened["session"]["kind"]) == (made["account_id"], "staff")


class TestGetMailLink:
    def test_gives_the_link_of_the_confirmation(self, bench):
        factory.account(bench, pending=True)
        ((row_id,),) = bench.rows("SELECT confirmation_id FROM email_confirmations")
        served = factory.worker(bench, contract.get_mail_link, subject=service("notifications"))
        link = served.get_mail_link(purpose="email_confirmation", row_id=row_id, issue=1)
        assert link["url"] == f"{factory.PUBLIC_URL}/confirmer/{factory.token(bench)}"


class TestTimers:
    def test_are_these(self):
        timers = {function.__name__: extension.seconds for function, extension in entrypoints(Accounts, Every)}
        assert timers == {"erase_unconfirmed": 3600, "forget_old_sessions": 3600, "resume_joins": 30}

    def test_settle_what_was_left_and_erase_what_was_never_confirmed(self, bench):
        factory.account(bench)
        factory.account(bench, "never@jardins.example", pending=True)
        bench.move_clock(timedelta(days=31))
        timed = factory.worker(bench, subject=service("accounts"))
        timed.resume_joins()
        timed.erase_unconfirmed()
        assert bench.rows("SELECT email, join_state FROM accounts") == [(factory.EMAIL, "joined")]
