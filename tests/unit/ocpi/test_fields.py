"""Fields of JSON that others sent: one type each, named by their path (CO-39); and notes of the rest (CO-40)."""

import pytest

from broker.ocpi.countries import COUNTRIES
from broker.ocpi.fields import Notes, as_country_code, below


def test_notes_are_paths_with_rules():
    notes = Notes()
    notes.add("roles[0].role", "is odd")

    assert notes.taken() == ("roles[0].role: is odd",)


@pytest.mark.parametrize(("count", "kept", "last"), [(0, 0, None), (20, 20, "x: is odd"), (21, 21, "and 1 more")])
def test_a_peer_cannot_make_us_keep_more_than_a_few(count, kept, last):
    notes = Notes()
    for _ in range(count):
        notes.add("x", "is odd")

    assert len(notes.taken()) == kept
    assert last is None or notes.taken()[-1] == last


@pytest.mark.parametrize(("path", "name", "whole"), [("", "token", "token"), ("roles[0]", "role", "roles[0].role")])
def test_a_path_grows_downwards(path, name, whole):
    assert below(path, name) == whole


def test_there_are_as_many_countries_as_in_iso_3166_1():
    assert len(COUNTRIES) == 249
    assert all(len(code) == 2 and code.isupper() for code in COUNTRIES)


@pytest.mark.parametrize(
    ("code", "noted"), [("DE", False), ("nl", False), ("GB", False), ("UK", True), ("XK", True), ("EU", True)]
)
def test_a_code_of_no_country_is_taken_and_noted(code, noted):
    """CO-14, CO-43."""
    notes = Notes()

    assert as_country_code(code, "country_code", notes) == code.upper()
    assert bool(notes.taken()) is noted
