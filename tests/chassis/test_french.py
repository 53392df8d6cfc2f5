"""Dates and numbers as people in France read them."""

from datetime import UTC, datetime

from chassis.french import date_in_words, instant_in_words, siret_in_groups


def test_an_instant_is_told_in_paris_time():
    assert instant_in_words(datetime(2026, 12, 8, 13, 5, tzinfo=UTC)) == "mardi 8 décembre 2026 à 14 h 05"


def test_summer_time_and_the_first_of_a_month_are_known():
    instant = datetime(2026, 7, 31, 22, 0, tzinfo=UTC)
    assert instant_in_words(instant) == "samedi 1er août 2026 à 0 h 00"
    assert date_in_words(instant) == "1er août 2026"


def test_a_siret_stands_in_groups_on_one_line():
    assert siret_in_groups("12345678900012") == "123\xa0456\xa0789\xa000012"
