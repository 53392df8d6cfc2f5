"""The rules of accounts, without a database."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from contracts.accounts import (
    ClaimIsNotValid,
    PasswordIsNotTheSignUps,
    PasswordIsTooWeak,
    SessionHasEnded,
    TermsMustBeAccepted,
    WrongEmailOrPassword,
)
from contracts.vocabulary import AccountKind, JoinState
from services.accounts import domain
from services.accounts.domain import MailAllowance

NOW = datetime(2030, 3, 4, 9, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EMPLOYER, PRESCRIBER, STAFF = AccountKind.EMPLOYER, AccountKind.PRESCRIBER, AccountKind.STAFF


class TestCheckTermsAreAccepted:
    def test_points_at_the_field(self):
        with pytest.raises(TermsMustBeAccepted) as refused:
            domain.check_terms_are_accepted(False)
        assert refused.value.facts["errors"][0]["pointer"] == "/accepts_terms"

    def test_lets_those_who_accept_pass(self):
        domain.check_terms_are_accepted(True)


class TestCheckPasswordLength:
    """ACC-60 as decided since: at least 15, at most 128, no rule of composition."""

    @pytest.mark.parametrize("length", [15, 64, 128])
    def test_accepts(self, length):
        domain.check_password_length("é" * length)

    @pytest.mark.parametrize("length", [1, 14, 129])
    def test_refuses(self, length):
        with pytest.raises(PasswordIsTooWeak) as refused:
            domain.check_password_length("é" * length)
        assert refused.value.facts["errors"][0]["pointer"] == "/password"


class TestPersonalWords:
    def test_take_addresses_and_names_apart(self):
        words = domain.personal_words("Amelie.Dupre@jardins.example", "Amélie", "Dupré")
        assert {"amelie.dupre@jardins.example", "amelie", "dupre", "jardins", "amélie", "dupré", "améliedupré"} <= set(words)

    def test_are_spelt_with_and_without_accents(self):
        words = domain.personal_words("h.b@jardins.example", "Hélène", "Beauchêne", structure_name="L'Œuvre Étoilée")
        assert {"hélène", "helene", "beauchêne", "beauchene", "beauchenehelene"} <= set(words)
        assert {"œuvre", "oeuvre", "étoilée", "etoilee"} <= set(words)

    def test_leave_out_what_is_too_short_to_tell(self):
        assert "le" not in domain.personal_words("le@jardins.example")


class TestWithoutAccents:
    @pytest.mark.parametrize(
        ("text", "plain"),
        [
            ("Hélène Beauchêne", "Helene Beauchene"),
            ("he\u0301le\u0300ne", "helene"),
            ("Lœtitia Æ", "Loetitia AE"),
            ("abc 1", "abc 1"),
        ],
    )
    def test_spells_as_many_type(self, text, plain):
        assert domain.without_accents(text) == plain


class TestErasedIfPendingUntil:
    """A link is good for three days: one that was good until 27 days ago was asked for 30 days ago."""

    def test_is_thirty_days_after_the_link_was_asked_for(self):
        asked_at = NOW - 30 * DAY
        assert domain.erased_if_pending_until(NOW) == asked_at + domain.CONFIRMATION_LIFETIME


class TestMailAllowance:
    """At most one mail in 3 minutes, 10 in a day."""

    def test_allows_a_first_mail(self):
        assert MailAllowance(None, 0, None).spent(NOW) == MailAllowance(NOW, 1, NOW)

    def test_refuses_a_second_too_soon(self):
        assert MailAllowance(NOW, 1, NOW).spent(NOW + 3 * MINUTE - timedelta(seconds=1)) is None

    def test_allows_a_second_after_three_minutes(self):
        later = NOW + 3 * MINUTE
        assert MailAllowance(NOW, 1, NOW).spent(later) == MailAllowance(later, 2, NOW)

    def test_refuses_an_eleventh_in_a_day(self):
        assert MailAllowance(NOW + HOUR, 10, NOW).spent(NOW + 2 * HOUR) is None

    def test_counts_anew_after_a_day(self):
        assert MailAllowance(NOW + HOUR, 10, NOW).spent(NOW + DAY) == MailAllowance(NOW + DAY, 1, NOW + DAY)


class TestSettleJoin:
    @pytest.mark.parametrize(
        ("state", "move", "after"),
        [
            (JoinState.REMEMBERED, "join", JoinState.JOINED),
            (JoinState.REMEMBERED, "refuse", JoinState.REFUSED),
            (JoinState.JOINED, "refuse", JoinState.JOINED),
            (JoinState.REFUSED, "join", JoinState.REFUSED),
            (None, "join", None),
        ],
    )
    def test_moves_what_is_remembered_only(self, state, move, after):
        assert domain.settle_join(state, move) == after


class TestReadAdmission:
    CLAIMS = {
        "iss": "invitations",
        "purpose": "admission",
        "email": "a@jardins.example",
        "kind": "employer",
        "proves_address": True,
    }

    def test_reads_who_is_admitted(self):
        invitation_id = uuid4()
        admission = domain.read_admission({**self.CLAIMS, "invitation_id": str(invitation_id)})
        assert (admission.email, admission.kind, admission.invitation_id) == ("a@jardins.example", EMPLOYER, invitation_id)

    @pytest.mark.parametrize(
        "change",
        [
            {"iss": "gateway"},
            {"purpose": "visit"},
            {"proves_address": False},
            {"proves_address": "true"},
            {"kind": "staff"},
            {"kind": "nobody"},
            {"invitation_id": "x"},
            {"invitation_id": None},
            {"email": None},
        ],
    )
    def test_refuses_what_is_no_admission(self, change):
        with pytest.raises(ClaimIsNotValid):
            domain.read_admission({**self.CLAIMS, "invitation_id": str(uuid4()), **change})


class TestCheckPasswordIsRight:
    def test_refuses_a_wrong_one(self):
        with pytest.raises(WrongEmailOrPassword):
            domain.check_password_is_right(False)


class TestCheckPasswordIsTheSignUps:
    def test_refuses_any_other(self):
        domain.check_password_is_the_sign_ups(True)
        with pytest.raises(PasswordIsNotTheSignUps):
            domain.check_password_is_the_sign_ups(False)


class TestSession:
    """Idle 2 h, absolute 12 h."""

    def test_ends_after_two_idle_hours(self):
        assert domain.session_end(NOW, NOW + 12 * HOUR) == NOW + 2 * HOUR

    def test_ends_at_its_twelfth_hour(self):
        assert domain.session_end(NOW + 11 * HOUR, NOW + 12 * HOUR) == NOW + 12 * HOUR

    @pytest.mark.parametrize(
        "over",
        [{"ends_at": NOW}, {"ended_at": NOW - HOUR}, {"deactivated_at": NOW - HOUR}],
    )
    def test_is_over(self, over):
        with pytest.raises(SessionHasEnded):
            domain.check_session_lives(**{"ends_at": NOW + HOUR, "ended_at": None, "deactivated_at": None, "now": NOW, **over})

    def test_is_noted_once_a_minute(self):
        assert not domain.is_seen_again(NOW, NOW + timedelta(seconds=59))
        assert domain.is_seen_again(NOW, NOW + MINUTE)
