"""Fields in the words of the domain: what they take, and what they say in French of what they do not."""

import time

import pytest
from marshmallow import ValidationError

from contracts import fields


def refused(field, value):
    with pytest.raises(ValidationError) as error:
        field.deserialize(value)
    (message,) = error.value.messages
    return message


class TestPersonName:
    """ACC-13: names are printed in mails; no mail program may make a link of one."""

    @pytest.mark.parametrize("name", ["Hélène", "Jean-Pierre", "J.P.", "J.-P.", "O'Neill", "de la Tour, veuve Dupré", "Ng", "李"])
    def test_takes_names(self, name):
        assert fields.PersonName().deserialize(f" {name} ") == name

    @pytest.mark.parametrize(
        "name",
        [
            "http://x",
            "www.evil",
            "Cliquez bit.ly",
            "voir evil.eu/gagne",
            "evil.xyz",
            "Marie a@evil",
            "<b>Marie",
            "[x](y)",
            "a\\b",
        ],
    )
    def test_refuses_links_addresses_and_markup(self, name):
        assert "ni lien, ni adresse, ni balise" in refused(fields.PersonName(), name)

    @pytest.mark.parametrize("name", ["\u202eJean", "Ma\u200brie", "Jean\u2066"])
    def test_refuses_what_nobody_sees(self, name):
        assert "invisibles" in refused(fields.PersonName(), name)

    @pytest.mark.parametrize("name", ["Jean\nBcc: x", "Jean\rPaul", "\x00Jean", "Jean\x85Paul"])
    def test_refuses_control_characters(self, name):
        assert "interdits" in refused(fields.PersonName(), name)

    def test_is_bounded(self):
        assert fields.PersonName().deserialize("x" * 150)
        assert refused(fields.PersonName(), "x" * 151) == "Au plus 150 caractères."


class TestEmail:
    def test_is_trimmed_and_kept_as_typed(self):
        assert fields.Email().deserialize(" Amelie@jardins.example ") == "Amelie@jardins.example"

    @pytest.mark.parametrize("address", ["", "a", "a@", "@b.example", "a b@c.example", "a@b.example\nBcc: x", "é@"])
    def test_refuses_what_is_none(self, address):
        assert "adresse e-mail" in refused(fields.Email(), address)

    def test_refuses_one_that_no_server_takes(self):
        assert "trop longue" in refused(fields.Email(), f"{'a' * 60}@{'b.' * 120}example")


class TestOfficialNumbers:
    @pytest.mark.parametrize("spelling", ["{} {} {} {}", "{}.{}.{}.{}", "{}-{}-{}\u00a0{}"])
    def test_spaces_dots_and_hyphens_are_forgiven(self, spelling):
        typed = spelling.format("005", "520", "101", "00006")
        assert fields.Siret().deserialize(typed) == "00552010100006"
        assert fields.SirenOrSiret().deserialize(typed) == "00552010100006"

    @pytest.mark.parametrize("number", ["00000000000000", "1234567890123A", "12345678901234", "123", "", "١٢٣٤٥٦٧٨٩"])
    def test_what_is_none_is_refused(self, number):
        assert "SIRET" in refused(fields.Siret(), number)
        assert "SIREN" in refused(fields.Siren(), number[:9])
        assert "SIREN" in refused(fields.SirenOrSiret(), number)


class TestPlainValues:
    @pytest.mark.parametrize("value", ["1", True, 1.5, None])
    def test_a_number_is_no_text(self, value):
        assert refused(fields.Integer(), value)

    @pytest.mark.parametrize("value", ["true", 1, "on", None])
    def test_true_is_nothing_that_looks_like_it(self, value):
        assert refused(fields.Boolean(), value)

    def test_a_secret_is_measured_in_bytes(self):
        assert fields.Secret(longest=4).deserialize("éé") == "éé"
        assert refused(fields.Secret(longest=4), "éé.") == "Valeur trop longue."


class TestCostlyInput:
    """A stranger may send anything: what is too large is refused before it costs time."""

    def test_text_is_measured_before_it_is_normalised(self):
        started = time.process_time()
        assert refused(fields.Text(), "a" + "\u0300\u0316" * 500_000) == "Au plus 255 caractères."
        assert time.process_time() - started < 1.0  # Unmeasured, it takes minutes.

    def test_a_name_may_be_spelt_with_combining_marks(self):
        assert fields.PersonName().deserialize("e\u0301" * 150) == "é" * 150

    def test_a_list_is_measured_before_its_items(self):
        class Counted(fields.Text):
            seen = 0

            def _deserialize(self, *arguments, **options):
                Counted.seen += 1
                return super()._deserialize(*arguments, **options)

        field = fields.List(Counted(), longest=3, shortest=1)
        assert refused(field, ["x"] * 4) == "Au plus 3 éléments."
        assert Counted.seen == 0
        assert refused(field, []) == "Au moins 1 élément."
        assert field.deserialize(["x"] * 3) == ["x"] * 3

    def test_no_more_errors_are_told_than_anybody_reads(self):
        assert len(fields.pointers({str(number): ["x"] for number in range(1000)})) == fields.MOST_ERRORS


def test_pointers_lead_to_the_field_whatever_its_name():
    assert fields.pointers({"a/b~c": {0: ["x"]}, "_schema": ["y"]}) == [
        {"pointer": "/a~1b~0c/0", "detail": "x"},
        {"pointer": "", "detail": "y"},
    ]
