"""Accounts, the links they get and the service that serves them. All people are fictitious."""

import threading
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from uuid import uuid4

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.subject import sign
from chassis.testing.subjects import VISITOR, service
from chassis.tokens import derive_token, random_token
from contracts.vocabulary import AccountKind, LinkPurpose
from services.accounts import actions, passwords
from services.accounts.domain import Admission

TOKEN_KEY = bytes(range(32))
PUBLIC_URL = "https://emplois.example"
EMAIL = "Amelie.Dupre@jardins.example"
STRUCTURE_NAME = "Atelier des Tilleuls"
PASSWORD = "tournesol vélo baguettes 42"
OTHER_PASSWORD = "moulin bleu agrafe nuage 17"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
STRANGERS_KEY = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))
PUBLIC_KEYS = {"invitations": KEY.public_key(), "accounts": STRANGERS_KEY.public_key()}


@cache
def hash_of(password):
    return passwords._hasher.hash(password)


def person(email=EMAIL, password=PASSWORD, first_name="Amélie", last_name="Dupré"):
    """Who signs up, as actions see them."""
    return {"email": email, "first_name": first_name, "last_name": last_name, "password_hash": hash_of(password)}


def magic_link():
    """What organizations answers about a good magic link."""
    return {"magic_link_id": uuid4(), "issue": 1, "structure": {"organization_id": uuid4(), "name": STRUCTURE_NAME}}


def sign_up(bench, email=EMAIL, password=PASSWORD, link=None, **names):
    """Sign up by a magic link; the account is pending."""
    request = {"link": link or magic_link(), "token_key": TOKEN_KEY}
    return bench.act(actions.sign_up_employer, VISITOR, **person(email, password, **names), **request)


def account(bench, email=EMAIL, *, password=PASSWORD, kind=AccountKind.EMPLOYER, pending=False, closed=False):
    """An account, confirmed and open unless said otherwise; answers its row."""
    sign_up(bench, email, password)
    if not pending:
        confirm(bench, token(bench, email), password)
    changes = "kind = :kind, deactivated_at = CASE WHEN :closed THEN created_at END"
    values = {"kind": kind, "closed": closed, "key": email.casefold()}
    bench.rows(f"UPDATE accounts SET {changes} WHERE email_key = :key", **values)
    bench.rows("DELETE FROM outbox")
    return row(bench, email)


def row(bench, email=EMAIL):
    """An account as it is stored."""
    (found,) = bench.rows("SELECT * FROM accounts WHERE email_key = :key", key=email.casefold())
    return SimpleNamespace(**found._mapping)


def token(bench, email=EMAIL, issue=None):
    """The token that was mailed to an address: the one that counts, or an issue of it."""
    wanted = issue or row(bench, email).confirmation_issue
    joined = "SELECT confirmation_id FROM email_confirmations JOIN accounts USING (account_id)"
    values = {"key": email.casefold(), "issue": wanted}
    ((confirmation_id,),) = bench.rows(f"{joined} WHERE email_key = :key AND issue = :issue", **values)
    return derive_token(TOKEN_KEY, LinkPurpose.EMAIL_CONFIRMATION, confirmation_id, wanted)


def confirm(bench, link, password=PASSWORD):
    """Confirm an address by its link's token, in the two steps of the entrypoint; hashes are compared, not computed."""
    sign_up = bench.act(actions.find_sign_up, VISITOR, token=link)
    is_its_password = sign_up.password_hash == hash_of(password)
    return bench.act(actions.confirm_email, VISITOR, token=link, sign_up=sign_up, is_its_password=is_its_password)


def log_in(bench, email=EMAIL):
    """Log in with the right password, in the two steps of the entrypoint; None for a pending account."""
    credentials = bench.act(actions.find_credentials, VISITOR, email=email)
    made = {"session_token": random_token(), "token_key": TOKEN_KEY}
    return bench.act(actions.log_in, VISITOR, credentials=credentials, **made)


def claim(bench, *, email=EMAIL, invitation_id=None, key=KEY, lasts=600, **changes):
    """What the invitations service signs for who opened a mailed link."""
    with bench.store.reading() as session:
        now = bench.store.read_now(session)
    claims = {
        "iss": "invitations",
        "purpose": "admission",
        "email": email,
        "kind": "employer",
        "invitation_id": str(invitation_id or uuid4()),
        "exp": now.timestamp() + lasts,
        "proves_address": True,
    }
    return sign({**claims, **changes}, key)


def sign_up_invited(bench, *, email=EMAIL, invitation_id=None, password=PASSWORD, is_same_password=False, one_kind=True):
    """Sign up by an invitation; answers the opened session."""
    admission = Admission(email, AccountKind.EMPLOYER, invitation_id or uuid4())
    made = bench.rows("SELECT password_hash FROM accounts WHERE invitation_id = :id", id=admission.invitation_id)
    who = {name: value for name, value in person(email, password).items() if name != "email"}
    return bench.act(
        actions.sign_up_invited,
        VISITOR,
        admitted=actions.Admitted(admission, made[0][0] if made else None),
        is_same_password=is_same_password,
        session_token=random_token(),
        one_kind_per_email=one_kind,
        **who,
    )


def create_staff(bench, email="lou.martin@emplois.example"):
    return bench.act(actions.create_staff, service("operator"), **person(email))


class Organizations:
    """The organizations service, at the edge of the process; an answer that is an error is raised."""

    def __init__(self, answer=None):
        self.answer = answer or magic_link()
        self.asked = []
        self.limits = []  # Of the time that each call may take.

    def within(self, seconds):
        self.limits.append(seconds)
        return self

    def as_service(self, method, **request):
        self.asked.append((method.name, request))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def worker(bench, method=None, *, subject=VISITOR, call=None, guard=None):
    """The service, ready to serve one call on a real database."""
    from nameko.testing.services import worker_factory

    from services.accounts.service import Accounts

    settings = SimpleNamespace(token_key=TOKEN_KEY, public_url=PUBLIC_URL, public_keys=PUBLIC_KEYS, one_kind_per_email=True)
    work = bench.work(subject, method=method, guard=guard)
    return worker_factory(Accounts, db=work, call=call or Organizations(), settings=settings)


@contextmanager
def counting(bench, monkeypatch):
    """Count what a caller could time: the statements sent and the hashes computed."""
    work = SimpleNamespace(statements=0, hashes=0)

    def sent(*_arguments):
        work.statements += 1

    def hashed(original):
        def counted(*arguments):
            work.hashes += 1
            return original(*arguments)

        return counted

    pools = (bench.store.engine, bench.store.reader)
    for pool in pools:
        sa.event.listen(pool, "before_cursor_execute", sent)
    with monkeypatch.context() as patched:
        patched.setattr(passwords, "_verify", hashed(passwords._verify))
        patched.setattr(passwords, "_hash", hashed(passwords._hash))
        yield work
    for pool in pools:
        sa.event.remove(pool, "before_cursor_execute", sent)


def at_once(*actions_to_run):
    """Run functions in threads that start together; answers what each returned or raised."""
    barrier, outcomes = threading.Barrier(len(actions_to_run)), [None] * len(actions_to_run)

    def run(number, action):
        barrier.wait()
        try:
            outcomes[number] = action()
        except Exception as error:
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(actions_to_run)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
