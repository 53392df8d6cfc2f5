"""Workers that send what is due, a few at a time, so that one slow conversation does not hold the other mails back."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from nameko.extensions import DependencyProvider

from chassis import log
from chassis.backoff import waits
from chassis.call import Calling
from chassis.context import Context
from chassis.db import Work
from chassis.host import Shares
from chassis.subject import service_subject
from contracts.errors import Unavailable
from services.notifications import actions, domain
from services.notifications.domain import ClaimedMail, Outcome
from services.notifications.emails import Site
from services.notifications.sending import Call, attempt_mail
from services.notifications.smtp import Line, MailServer, read_url

WORKERS = 4
STOP_SECONDS = 20.0  # The supervisor waits 30 s before it kills.

_log = log.get()


class Mailroom:
    """Sends due mails in threads of its own; each keeps its connection to the mail server while there is more to send."""

    def __init__(
        self, db: Work, call_for: Callable[[ClaimedMail], Call], *, server: MailServer, site: Site, workers: int = WORKERS
    ) -> None:
        self._db, self._call_for, self._server, self._site = db, call_for, server, site
        self._most = workers
        self._at_work = 0
        self._changed = threading.Condition()
        self._stopping = threading.Event()

    def wake(self) -> None:
        """One more worker looks for due mails, unless enough of them are at it."""
        with self._changed:
            if self._stopping.is_set() or self._at_work >= self._most:
                return
            self._at_work += 1
        threading.Thread(target=self._work, name="mailroom", daemon=True).start()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Take no more mails, and wait for those in hand."""
        self._stopping.set()
        with self._changed:
            self._changed.wait_for(lambda: not self._at_work, timeout=seconds)

    def _work(self) -> None:
        try:
            with Line(self._server) as line:
                while not self._stopping.is_set() and self._send_one(line):
                    pass
        except Unavailable as refusal:
            _log.warning("mails_wait", error=type(refusal).__name__)
        except Exception as error:  # One worker's failure may not be the last word: the next turn wakes another.
            _log.error("mail_worker_failed", **log.describe(error))
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    def _send_one(self, line: Line) -> bool:
        """Claim, attempt and conclude one mail; False when none is due."""
        until = time.monotonic() + domain.LEASE.total_seconds()  # From before the claim: the lease itself ends no sooner.
        mail = self._db.step(actions.claim_due_mail)
        if mail is None:
            return False
        self.wake()
        self._conclude(mail, self._attempt(mail, line), until)
        return True

    def _attempt(self, mail: ClaimedMail, line: Line) -> Outcome:
        try:
            return attempt_mail(mail, call=self._call_for(mail), line=line, site=self._site)
        except Exception as error:  # A template or an answer that we did not foresee: a later release may mend it within the day.
            _log.error("mail_not_written", mail_id=str(mail.mail_id), template=mail.template, **log.describe(error))
            return Outcome("put_off", f"not written: {type(error).__name__}")

    def _conclude(self, mail: ClaimedMail, outcome: Outcome, until: float) -> None:
        """Remember how it ended; while the database is down wait, within the lease, or the mail would leave twice."""
        fate = {"mail_id": mail.mail_id, "attempt_count": mail.attempt_count, "outcome": outcome, "jitter": random.random()}
        for wait in waits():
            try:
                self._db.step(actions.conclude_mail, **fate)
                return
            except Unavailable:
                if time.monotonic() + wait > until:
                    raise
                time.sleep(wait)


class MailDesk:
    """What entrypoints hold as `self.mails`."""

    def __init__(self, mailroom: Mailroom, db: Work, cause: str) -> None:
        self._mailroom, self._db, self._cause = mailroom, db, cause

    def queue(self, action: Callable[..., None], **fact: Any) -> None:
        """Write the mail that a fact calls for, once for its message; it leaves right after the commit."""
        self._db.change(action, cause=self._cause, **fact)
        self._mailroom.wake()

    def send_due(self) -> None:
        """Start on what is due."""
        self._mailroom.wake()


class Mails(Shares, DependencyProvider):
    """`self.mails.queue(action, …)` and `self.mails.send_due()`."""

    def setup(self) -> None:
        self.host.prepare()
        settings = self.host.settings
        self.mailroom = Mailroom(
            Work(self.host.store, self._context(settings.name)),
            lambda mail: Calling(self.host.caller, self._context(str(mail.mail_id))),
            server=read_url(settings.smtp_url),
            site=Site(settings.site_name, settings.public_url, settings.mail_from, settings.environment_label),
        )

    def stop(self) -> None:
        self.mailroom.stop()

    def get_dependency(self, worker: Any) -> MailDesk:
        context = worker.data["context"]
        return MailDesk(self.mailroom, Work(self.host.store, context), context.cause)

    def _context(self, request_id: str) -> Context:
        return Context(subject=service_subject(self.host.settings.name), request_id=request_id, cause=request_id)
