"""Small parts of the chassis: subjects, tokens, ids, the clock, files, waits."""

import hashlib
import io
import itertools
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.backoff import LONGEST_WAIT, SHORTEST_WAIT, waits
from chassis.clock import paris_date, read_offset
from chassis.context import Context
from chassis.files import FileIsNotThere, Files
from chassis.ids import new_id
from chassis.subject import SubjectIsNotValid, service_subject, sign_subject, verify_subject
from chassis.testing import subjects
from chassis.tokens import derive_token, random_token, token_hash

KEYS = {name: Ed25519PrivateKey.generate() for name in ("gateway", "accounts")}
PUBLIC = {name: key.public_key() for name, key in KEYS.items()}


def in_a_minute():
    return time.time() + 60


class TestVerifySubject:
    def test_gives_back_who_was_signed(self):
        subject = subjects.employer(uuid4())

        assert verify_subject(sign_subject(subject, KEYS["gateway"], expires_at=in_a_minute()), PUBLIC) == subject

    def test_refuses_what_has_expired(self):
        with pytest.raises(SubjectIsNotValid):
            verify_subject(sign_subject(subjects.VISITOR, KEYS["gateway"], expires_at=time.time() - 1), PUBLIC)

    def test_refuses_a_service_that_claims_to_be_a_person(self):
        person = replace(subjects.employer(uuid4()), issuer="accounts")

        with pytest.raises(SubjectIsNotValid):
            verify_subject(sign_subject(person, KEYS["accounts"], expires_at=in_a_minute()), PUBLIC)

    def test_refuses_a_service_that_claims_to_be_another(self):
        with pytest.raises(SubjectIsNotValid):
            verify_subject(sign_subject(service_subject("gateway"), KEYS["accounts"], expires_at=in_a_minute()), PUBLIC)

    def test_refuses_every_changed_byte(self):
        token = sign_subject(service_subject("accounts"), KEYS["accounts"], expires_at=in_a_minute())
        for position in range(0, len(token), 7):
            changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
            with pytest.raises(SubjectIsNotValid):
                verify_subject(changed, PUBLIC)

    @pytest.mark.parametrize("token", ["", ".", "a.b", "é.è", "e30.e30"])
    def test_refuses_what_is_no_subject(self, token):
        with pytest.raises(SubjectIsNotValid):
            verify_subject(token, PUBLIC)


class TestContext:
    @pytest.mark.parametrize(("left", "asked", "given"), [(5, 2, 2), (1, 2, 1), (None, 2, 2), (-1, 2, -1)])
    def test_is_never_given_more_time_than_it_has(self, left, asked, given):
        """What has no deadline gets one; the original keeps its own."""
        deadline = None if left is None else time.time() + left
        context = Context(subject=subjects.VISITOR, request_id="r", cause="c", deadline=deadline)

        assert context.within(asked).seconds_left(60) == pytest.approx(given, abs=0.5)
        assert context.deadline == deadline


class TestTokens:
    def test_are_the_same_for_one_issue_and_other_for_all_else(self):
        row = uuid4()
        made = {
            derive_token(key, purpose, row_id, issue)
            for key, purpose, row_id, issue in itertools.product((b"a" * 32, b"b" * 32), ("x", "y"), (row, uuid4()), (1, 2))
        }

        assert len(made) == 16
        assert derive_token(b"a" * 32, "x", row, 1) in made

    def test_are_stored_hashed(self):
        assert token_hash("token") == hashlib.sha256(b"token").digest()
        assert len(random_token()) == 43


class TestNewId:
    def test_is_a_version_7_uuid_that_grows_with_time(self):
        earlier = new_id()
        time.sleep(0.002)
        later = new_id()

        assert (earlier.version, earlier.variant) == (7, "specified in RFC 4122")
        assert earlier < later


class TestClock:
    def test_is_shifted_only_by_a_named_file(self, tmp_path):
        (tmp_path / "offset").write_text("90")

        assert read_offset(tmp_path / "offset") == timedelta(seconds=90)
        assert read_offset(None) == read_offset(tmp_path / "absent") == timedelta()

    def test_tells_the_day_in_paris(self):
        assert paris_date(datetime(2026, 12, 31, 23, 30, tzinfo=UTC)) == date(2027, 1, 1)


class TestFiles:
    def test_gives_back_what_was_put_and_nothing_else(self, tmp_path):
        files = Files(tmp_path)
        stored = files.put(io.BytesIO(b"abc"), "../../etc/passwd")

        assert files.checked_path(stored).read_bytes() == b"abc"
        assert files.checked_path(stored).parent == tmp_path
        for other in (replace(stored, size=4), replace(stored, sha256="0" * 64), replace(stored, file_id=uuid4())):
            with pytest.raises(FileIsNotThere):
                files.checked_path(other)


class TestWaits:
    def test_double_up_to_a_cap_and_never_end(self):
        found = list(itertools.islice(waits(), 50))

        assert found[0] <= SHORTEST_WAIT
        assert max(found) <= LONGEST_WAIT
        assert found[-1] >= LONGEST_WAIT / 2
