"""The rules of accounts: pure functions of plain values."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from contracts.accounts import (
    ClaimIsNotValid,
    PasswordIsNotTheSignUps,
    PasswordIsTooWeak,
    SessionHasEnded,
    TermsMustBeAccepted,
    WrongEmailOrPassword,
)
from contracts.vocabulary import PROFESSIONALS, AccountKind, JoinState

SHORTEST_PASSWORD, LONGEST_PASSWORD = 15, 128
LOWEST_SCORE = 3  # Of zxcvbn's 0 to 4: « safely unguessable ».
CONFIRMATION_LIFETIME = timedelta(days=3)
UNCONFIRMED_KEPT = timedelta(days=30)  # From the sign-up, or from the last link that its password brought.
MAIL_SPACING, MAILS_A_DAY = timedelta(minutes=3), 10
SESSION_IDLE, SESSION_LONGEST = timedelta(hours=2), timedelta(hours=12)
SEEN_AGAIN_AFTER = timedelta(minutes=1)
SESSION_KEPT_AFTER_END = timedelta(days=1)

PRODUCT_WORDS = ("emplois", "emploi", "inclusion", "insertion", "itou")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "Œ": "OE", "Æ": "AE"})  # Unicode takes none of them apart.


# --- Who may have an account


def check_terms_are_accepted(accepts_terms: bool) -> None:
    if not accepts_terms:
        raise TermsMustBeAccepted.at("/accepts_terms", "Acceptez les conditions d'utilisation pour continuer.")


# --- Passwords


def check_password_length(password: str) -> None:
    if len(password) < SHORTEST_PASSWORD:
        raise _weak(f"Au moins {SHORTEST_PASSWORD} caractères.")
    if len(password) > LONGEST_PASSWORD:
        raise _weak(f"Au plus {LONGEST_PASSWORD} caractères.")


def check_password_is_hard_to_guess(score: int) -> None:
    if score < LOWEST_SCORE:
        raise _weak("Ce mot de passe est trop facile à deviner : évitez mots courants, suites et données personnelles.")


def _weak(detail: str) -> Any:
    return PasswordIsTooWeak.at("/password", detail)


def personal_words(email: str, *names: str, structure_name: str = "") -> list[str]:
    """What a stranger would try first against this person's password, with and without accents, most telling first."""
    # zxcvbn takes each word that follows another for much harder to guess, so names also count as one word.
    rows = (names, names[::-1], structure_name.split())
    texts = [email, *names, *(separator.join(row) for row in rows for separator in ("", " ", ".", "-", "_"))]
    words = [word.lower() for text in texts for word in (text, *re.split(r"[\W_]+", text))]
    spelt = [form for word in words for form in (word, without_accents(word))]
    return [word for word in dict.fromkeys(spelt) if len(word) > 2] + list(PRODUCT_WORDS)


def without_accents(text: str) -> str:
    """A text as many type it: « Hélène » as « Helene »."""
    apart = unicodedata.normalize("NFKD", text.translate(_LIGATURES))
    return "".join(character for character in apart if not unicodedata.combining(character))


# --- Mails that a stranger could ask for


@dataclass(frozen=True)
class MailAllowance:
    """The mails that one account was sent on somebody's request: when last, how many since when."""

    last_at: datetime | None
    count: int
    since: datetime | None

    def spent(self, now: datetime) -> "MailAllowance | None":
        """What is left after one more mail now; None when it is too soon, or one too many in a day."""
        if self.last_at and now - self.last_at < MAIL_SPACING:
            return None
        if self.since is None or now - self.since >= timedelta(days=1):
            return MailAllowance(last_at=now, count=1, since=now)
        if self.count >= MAILS_A_DAY:
            return None
        return MailAllowance(last_at=now, count=self.count + 1, since=self.since)


# --- Sign-ups that nobody confirmed


def check_password_is_the_sign_ups(is_right: bool) -> None:
    """Who confirms an address is who signed up with it last: a stranger's sign-up is nothing to confirm."""
    if not is_right:
        raise PasswordIsNotTheSignUps()


def erased_if_pending_until(now: datetime) -> datetime:
    """Unconfirmed accounts whose link was good until before this are erased: asked for longer ago than they are kept."""
    return now - UNCONFIRMED_KEPT + CONFIRMATION_LIFETIME


# --- What a new account is to join


JOIN_RESUMED_AFTER = timedelta(seconds=30)  # Until then the confirmation itself, or its event, is at it.
JOIN_MOVES = {
    (JoinState.REMEMBERED, "join"): JoinState.JOINED,
    (JoinState.REMEMBERED, "refuse"): JoinState.REFUSED,
}


@dataclass(frozen=True)
class RememberedJoin:
    """What an account's confirmation is to be followed by."""

    account_id: UUID
    magic_link_id: UUID


@dataclass(frozen=True)
class JoinOutcome:
    """What organizations answered: a move, and the refusal's name."""

    move: str
    refusal: str | None = None


def settle_join(state: JoinState | None, move: str) -> JoinState | None:
    """The state that follows; one that is settled, or nothing to join, stays."""
    return state and JOIN_MOVES.get((state, move), state)


# --- An invitation's claim


@dataclass(frozen=True)
class Admission:
    """What the invitations service vouches for: whoever brings this reads that address's mails."""

    email: str
    kind: AccountKind
    invitation_id: UUID


def read_admission(claims: dict[str, Any]) -> Admission:
    """The admission that a verified claim grants; a claim made by somebody else, or for something else, grants none."""
    if (claims.get("iss"), claims.get("purpose"), claims.get("proves_address")) != ("invitations", "admission", True):
        raise ClaimIsNotValid()
    try:
        kind, invitation_id = AccountKind(claims["kind"]), UUID(claims["invitation_id"])
    except (KeyError, ValueError, TypeError, AttributeError):
        raise ClaimIsNotValid() from None
    if kind not in PROFESSIONALS or not isinstance(claims.get("email"), str):
        raise ClaimIsNotValid()
    return Admission(claims["email"], kind, invitation_id)


# --- Log-in and sessions


@dataclass(frozen=True)
class Credentials:
    """What log-in compares with; empty for an address without an open account, which then costs the same work."""

    account_id: UUID | None
    password_hash: str | None


def check_password_is_right(is_right: bool) -> None:
    if not is_right:
        raise WrongEmailOrPassword()


def session_end(last_seen_at: datetime, expires_at: datetime) -> datetime:
    """When a session ends if nothing more is asked: two idle hours, and never after its twelfth."""
    return min(last_seen_at + SESSION_IDLE, expires_at)


def check_session_lives(*, ends_at: datetime, ended_at: datetime | None, deactivated_at: datetime | None, now: datetime) -> None:
    if ended_at or deactivated_at or now >= ends_at:
        raise SessionHasEnded()


def is_seen_again(last_seen_at: datetime, now: datetime) -> bool:
    """Whether being seen is worth a write: once a minute at most."""
    return now - last_seen_at >= SEEN_AGAIN_AFTER
