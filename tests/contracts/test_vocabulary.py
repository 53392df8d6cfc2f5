"""What follows from a shared word alone."""

import pytest

from contracts.vocabulary import AccountKind, may_hold

EMPLOYER, PRESCRIBER, STAFF = AccountKind.EMPLOYER, AccountKind.PRESCRIBER, AccountKind.STAFF


class TestMayHold:
    """F-52, G-07: one kind per e-mail; the relaxation of 2026 is one setting."""

    @pytest.mark.parametrize(
        ("held", "wanted", "strict", "relaxed"),
        [
            (EMPLOYER, EMPLOYER, True, True),
            (EMPLOYER, PRESCRIBER, False, True),
            (PRESCRIBER, EMPLOYER, False, True),
            (STAFF, EMPLOYER, False, False),
            (EMPLOYER, STAFF, False, False),
            (STAFF, STAFF, True, True),
        ],
    )
    def test_follows_the_setting(self, held, wanted, strict, relaxed):
        assert may_hold(held, wanted, one_kind_per_email=True) is strict
        assert may_hold(held, wanted, one_kind_per_email=False) is relaxed
