"""Clients that do business through the gateway's HTTP API, each for an organization of its own, in threads.

Each change bears an `Idempotency-Key` and is repeated with it until it is answered; a few clients give up at the first silence,
as people do who close the window.
"""

import contextlib
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.world import PASSWORD, token_in

PATIENCE = 400  # Attempts, a good third of a second apart.
PAUSE = 0.35
ADDRESSES = 15  # Of a client, invited again and again: each invitation replaces the former.
GIVES_UP = 0.08
PEOPLE = {"first_name": "Camille", "password": PASSWORD, "accepts_terms": True}
WEIGHTS = {
    "invite": 45,
    "request_link": 20,
    "list_invitations": 14,
    "list_members": 6,
    "get_account": 4,
    "go_on": 8,
    "begin_joining": 2,
    "begin_sign_up": 1,
}


class World:
    """What clients share: the gateway's address, mails, the history, structures that nobody has joined, and whether to stop."""

    def __init__(self, url, postbox, history, structures, *, pace):
        self.url, self.postbox, self.history, self.pace = url, postbox, history, pace
        self._structures = iter(structures)
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self.wanted = [self.structure() for _ in range(3)]  # Asked for by all clients, joined by none.

    def structure(self):
        """One that nobody else has; None when there is none left."""
        with self._lock:
            return next(self._structures, None)


class Client:
    """One person's program: one operation at a time."""

    def __init__(self, number, world, seed):
        self.number, self.world = number, world
        self.random = random.Random(f"{seed}-{number}")
        self.http = httpx.Client(base_url=world.url, timeout=10)
        self.bearer = {}
        self.organization_id = None
        self.count = 0
        self.addresses = [self.new_address() for _ in range(ADDRESSES)]
        self.stories = []  # (address whose mail it waits for, page that the mail leads to, story)

    def new_address(self):
        self.count += 1
        return f"p{self.count}.c{self.number}@emplois.example"

    # -- one operation

    def do(self, kind, verb, path, body=None, *, keep=None, headers=None, **facts):
        """Ask until it is answered; return the JSON answered, or None where it was refused or never answered."""
        op = self.world.history.invoke(self.number, kind, **facts)
        headers = {"Idempotency-Key": op, **(self.bearer if headers is None else headers)}
        content = body(op) if callable(body) else body
        attempts = 1 if self.organization_id and self.random.random() < GIVES_UP else PATIENCE
        for _ in range(attempts):
            outcome, status, answer = self._attempt(verb, path, content, headers)
            self.world.history.answered(op, outcome, status, keep(answer) if keep and outcome == "ok" else {})
            if outcome != "info":
                return answer if outcome == "ok" else None
            time.sleep(PAUSE)
        return None

    def _attempt(self, verb, path, content, headers):
        """(outcome, status, JSON): without an answer, or with one that says to come again, it is a maybe."""
        try:
            answer = self.http.request(verb, path, json=content, headers=headers)
        except httpx.TransportError as error:
            return "info", type(error).__name__, {}
        self.http.cookies.clear()
        if answer.status_code >= 500:
            return "info", answer.status_code, {}
        if answer.status_code >= 400:
            return "fail", f"{answer.status_code} {answer.json().get('type')}", {}
        return "ok", answer.status_code, answer.json() if answer.content else {}

    # -- business

    def invite(self, *, emails=None):
        chosen = emails or self.random.sample(self.addresses, self.random.choice([1, 1, 1, 2, 3]))
        answer = self.do(
            "invite",
            "POST",
            f"{self._mine}/invitations",
            lambda op: {"invitees": [{"email": email, "first_name": "Camille", "last_name": op} for email in chosen]},
            keep=lambda answer: {"sent": [[one["email"], one["invitation_id"]] for one in answer["items"]]},
            emails=chosen,
        )
        if answer is None:  # It may happen yet, after whatever is sent to these addresses next: they are left alone.
            self.addresses = [self.new_address() if one in chosen else one for one in self.addresses]
        return answer

    def request_link(self):
        structure = self.random.choice(self.world.wanted)
        path = f"/api/structures/{structure['organization_id']}/magic-links"
        self.do("request_link", "POST", path, headers={}, organization_id=structure["organization_id"])

    def list_invitations(self):
        self.do(
            "list_invitations",
            "GET",
            f"{self._mine}/invitations",
            keep=lambda answer: {
                "pending": [[one["email"], one["invitation_id"]] for one in answer["items"] if one["state"] == "pending"]
            },
        )

    def list_members(self):
        self.do("list_members", "GET", f"{self._mine}/members")

    def get_account(self):
        self.do("get_account", "GET", "/api/account")

    def log_in(self, email):
        answer = self.do("log_in", "POST", "/api/sessions", {"email": email, "password": PASSWORD}, headers={}, email=email)
        return answer and {"Authorization": f"Bearer {answer['session_token']}"}

    @property
    def _mine(self):
        return f"/api/organizations/{self.organization_id}"

    # -- stories that wait for mails

    def begin_joining(self):
        """Somebody is invited and, once the mail is there, accepts with a new account."""
        self._tell(self._joining(self.new_address()))

    def _joining(self, email):
        invited = self.invite(emails=[email])
        if not invited:
            return
        token = yield email, "invitation"
        self.do(
            "accept",
            "POST",
            f"/api/invitations/{token}/acceptance",
            lambda op: {**PEOPLE, "last_name": op},
            headers={},
            keep=lambda answer: {"state": answer["state"]},
            organization_id=self.organization_id,
            invitation_id=invited["items"][0]["invitation_id"],
            email=email,
        )

    def begin_sign_up(self):
        """A structure's first member signs up by its official address, and confirms their own."""
        structure = self.world.structure()
        if structure:
            self._tell(self.signing_up(structure))

    def signing_up(self, structure):
        organization_id, email = structure["organization_id"], f"first.{structure['siret']}@emplois.example"
        path = f"/api/structures/{organization_id}/magic-links"
        if self.do("request_link", "POST", path, headers={}, organization_id=organization_id) is None:
            return
        token = yield structure["auth_email"], "rejoindre"
        path, person = f"/api/magic-links/{token}/accounts", {**PEOPLE, "email": email}
        received = self.do("sign_up", "POST", path, lambda op: {**person, "last_name": op}, headers={}, email=email)
        if received is None:
            return
        token = yield email, "confirmer"
        path, password = f"/api/email-confirmations/{token}", {"password": PASSWORD}
        if self.do("confirm", "POST", path, password, headers={}, email=email, organization_id=organization_id) is None:
            return
        self.log_in(email) if self.organization_id else self._found(organization_id, self.log_in(email))

    def _found(self, organization_id, bearer):
        """From now on the client acts for the organization that it has joined."""
        self.bearer, self.organization_id = bearer, organization_id

    def _tell(self, story, token=None):
        """One step further: until the story waits for a mail, or ends."""
        with contextlib.suppress(StopIteration):
            awaited = story.send(token)
            self.stories.append((*awaited, story))

    def go_on(self):
        """The next step of a story whose mail has come; False where none has."""
        for one in self.stories:
            email, page, story = one
            text = self.world.postbox.text(email)
            if text:
                self.stories.remove(one)
                self._tell(story, token_in({"text": text}, page))
                return True
        return False

    # -- life

    def settle(self):
        """Sign up for an organization of one's own, in calm."""
        self._tell(self.signing_up(self.world.structure()))
        while self.stories:
            self.go_on() or time.sleep(0.1)

    def work(self):
        """One operation after the other, at the world's pace, until all are to stop."""
        while not self.world.stopping.wait(self.random.uniform(0, self.world.pace)):
            getattr(self, self.random.choices(list(WEIGHTS), WEIGHTS.values())[0])()


@contextlib.contextmanager
def at_work(clients):
    """All clients work in the meantime; an error of one is raised at the end."""
    with contextlib.ExitStack() as opened, ThreadPoolExecutor(len(clients)) as pool:
        for client in clients:
            opened.enter_context(client.http)
        settling = [pool.submit(client.settle) for client in clients]
        for future in settling:
            future.result()
        working = [pool.submit(client.work) for client in clients]
        try:
            yield working
        finally:
            clients[0].world.stopping.set()
    for future in working:
        future.result()
