"""A-09: one mailbox has one key, and two mailboxes have two."""

import pytest

from contracts.addresses import ascii_domain, email_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("amelie@jardins.example", " AMELIE@JARDINS.EXAMPLE "),
        ("straße@jardins.example", "STRASSE@jardins.example"),
        ("ﬁona@jardins.example", "fiona@jardins.example"),
        ("İrem@jardins.example", "i̇rem@jardins.example"),
        ("zoë@jardins.example", "zoe\u0308@jardins.example"),
        ("lea@straße.example", "lea@XN--STRAE-OQA.example"),
        ("lea@bücher.example", "lea@BU\u0308CHER.example"),
    ],
)
def test_two_spellings_of_one_mailbox(one, other):
    assert email_key(one) == email_key(other)
    assert email_key(email_key(one)) == email_key(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("lea@straße.example", "lea@strasse.example"), ("lea@βόλος.example", "lea@βόλοσ.example"), ("a@b.example", "ab@b.example")],
)
def test_two_mailboxes(one, other):
    assert email_key(one) != email_key(other)


@pytest.mark.parametrize("text", ["", "nobody", "@", "a@" + "x" * 300, "a@-.example", "\ud800@x"])
def test_what_is_no_address_still_has_a_key(text):
    assert email_key(text) == email_key(email_key(text))


def test_a_domain_that_cannot_be_one_stays_as_it_is():
    assert ascii_domain("Jardins..Example") == "jardins..example"
