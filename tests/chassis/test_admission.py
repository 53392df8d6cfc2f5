"""A burst is served, a backlog is refused, and neither lasts longer than its cause."""

import pytest

from chassis import admission
from chassis.admission import GRACE, MOST_WAITED, Admission

LATE = {"seconds_waited": MOST_WAITED + 0.1, "is_full": True}


@pytest.fixture
def clock(monkeypatch):
    """The monotonic clock, moved by hand: `clock[0]` in seconds."""
    now = [100.0]
    monkeypatch.setattr(admission.time, "monotonic", lambda: now[0])
    return now


class TestAdmission:
    def test_serves_a_burst(self, clock):
        subject = Admission()

        assert not subject.refuses(**LATE)
        clock[0] += GRACE - 0.01
        assert not subject.refuses(**LATE)

    def test_refuses_what_is_late_once_others_were_for_a_while(self, clock):
        subject = Admission()
        subject.refuses(**LATE)

        clock[0] += GRACE + 0.01

        assert subject.refuses(**LATE)

    def test_begins_anew_when_a_call_is_in_time(self, clock):
        subject = Admission()
        subject.refuses(**LATE)
        clock[0] += GRACE + 0.01

        assert not subject.refuses(seconds_waited=MOST_WAITED, is_full=True)
        assert not subject.refuses(**LATE)

    def test_serves_a_late_call_for_which_a_worker_is_free_and_goes_on_refusing(self, clock):
        subject = Admission()
        subject.refuses(**LATE)
        clock[0] += GRACE + 0.01

        assert not subject.refuses(**{**LATE, "is_full": False})
        assert subject.refuses(**LATE)
