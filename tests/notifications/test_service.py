"""The wiring: each event reaches the action that its mail follows from."""

import pytest
from nameko.testing.services import worker_factory

from contracts import catalogue
from services.notifications import actions
from services.notifications.service import Notifications

QUEUED_BY = {
    "email_magic_link": actions.queue_magic_link,
    "email_confirmation_link": actions.queue_confirmation_link,
    "email_known_address": actions.queue_known_address,
    "email_invitation": actions.queue_invitation,
    "email_accepted_invitation": actions.queue_accepted_invitation,
}


@pytest.fixture
def service():
    return worker_factory(Notifications)


class TestNotifications:
    @pytest.mark.parametrize("handler", sorted(QUEUED_BY))
    def test_queues_the_mail_of_each_event(self, service, handler):
        getattr(service, handler)(account_id="a")
        service.mails.queue.assert_called_once_with(QUEUED_BY[handler], account_id="a")

    def test_hears_every_event_that_names_it(self):
        assert set(catalogue.heard_by("notifications")) == set(QUEUED_BY)

    @pytest.mark.parametrize("handler", sorted(QUEUED_BY))
    def test_takes_the_fields_of_each_event(self, handler):
        (event,) = catalogue.heard_by("notifications")[handler]
        code = QUEUED_BY[handler].__code__
        taken = set(code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount])
        assert taken == set(event.carries._declared_fields) | {"cause", "now"}

    def test_starts_on_what_is_due(self, service):
        service.send_due_mails()
        service.mails.send_due.assert_called_once_with()

    def test_lists_mails(self, service):
        service.list_mails(state=None)
        service.db.read.assert_called_once_with(actions.list_mails, state=None)

    def test_forgets_old_mails(self, service):
        service.forget_old_mails()
        service.db.step.assert_called_once_with(actions.forget_old_mails)
