"""Passwords: what is accepted, hashed and compared, off the event loop and never more at once than there are processors.

Each hash takes 46 MiB and tens of milliseconds of one processor; scoring a long password takes as long again. In a patched
process the work runs in real threads (argon2 releases the interpreter's lock), so that everything else goes on meanwhile.
"""

import os
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from argon2.low_level import Type
from eventlet import patcher, tpool
from zxcvbn import matching, zxcvbn

from services.accounts import domain

SCORED_CHARACTERS = 72  # zxcvbn raises beyond.

# OWASP's first choice for argon2id; each hash tells the parameters that it was made with.
_hasher = PasswordHasher(time_cost=1, memory_cost=47104, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)
_hash_of_nobody = _hasher.hash(os.urandom(32))  # So that an unknown address costs what a known one costs.

_seats = threading.BoundedSemaphore(len(os.sched_getaffinity(0)))
_scoring = patcher.original("threading").Lock()  # zxcvbn keeps the person's words in a global.

_french = (Path(__file__).parent / "french_passwords.txt").read_text(encoding="utf-8")
matching.add_frequency_lists({"french": [word for word in _french.split() if word]})
# zxcvbn tries every combination of substitutions: a long password of many symbols took it 1.5 s with all of its own table.
# These are the common ones, and take it 0.1 s at worst.
_SUBSTITUTIONS = {"a": ["4", "@"], "e": ["3"], "i": ["1", "!"], "o": ["0"], "s": ["$", "5"], "t": ["7"]}
matching.L33T_TABLE.clear()
matching.L33T_TABLE.update(_SUBSTITUTIONS)


def make_hash(
    password: str, *, accepts_terms: bool, email: str, first_name: str, last_name: str, structure_name: str = ""
) -> str:
    """The hash of a new password that follows the rules, of a person who accepts the terms."""
    domain.check_terms_are_accepted(accepts_terms)
    plain = _normal(password)
    domain.check_password_length(plain)
    words = domain.personal_words(email, first_name, last_name, structure_name=structure_name)
    for form in {plain, domain.without_accents(plain)}:  # Both, or accents would hide a word.
        domain.check_password_is_hard_to_guess(_apart(_score, form, words))
    return _apart(_hash, plain)


def matches(password: str, password_hash: str | None) -> bool:
    """Whether it is the password; without a hash, no, at the same cost."""
    is_right = _apart(_verify, password_hash or _hash_of_nobody, _normal(password))
    return is_right and password_hash is not None


def check(password: str, password_hash: str | None) -> None:
    """Refuse a wrong password, and any password of nobody, alike."""
    domain.check_password_is_right(matches(password, password_hash))


def _normal(password: str) -> str:
    """One form for what a person takes for the same password, whatever their keyboard: RFC 8265, OpaqueString."""
    spaced = "".join(" " if unicodedata.category(character) == "Zs" else character for character in password)
    return unicodedata.normalize("NFC", spaced)


def _score(password: str, words: list[str]) -> int:
    with _scoring:
        return int(zxcvbn(password[:SCORED_CHARACTERS], user_inputs=words)["score"]) if password else 0


def _hash(password: str) -> str:
    return _hasher.hash(password)


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerifyMismatchError:
        return False


def _apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """Run costly work where it holds nobody up, when a processor is free for it."""
    with _seats:
        if patcher.is_monkey_patched("thread"):
            return tpool.execute(work, *arguments)
        return work(*arguments)
