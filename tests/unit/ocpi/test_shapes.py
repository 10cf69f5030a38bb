"""Shapes that platforms answer although the specification has others, and the quirk that takes each (A24, A25)."""

import pytest

from broker.core.quirks import Quirks
from broker.ocpi import shapes

URL = "https://peer.example/ocpi/versions"
ENTRY = {"version": "2.2.1", "url": "https://peer.example/ocpi/2.2.1"}
DETAILS = {"version": "2.2.1", "endpoints": []}


@pytest.mark.parametrize(
    ("data", "meant", "quirk"),
    [
        ([ENTRY], [ENTRY], None),
        ([], [], None),
        ({"versions": [ENTRY]}, [ENTRY], "versions_wrapped_in_object"),
        ({"versions": []}, [], "versions_wrapped_in_object"),
        (ENTRY, [ENTRY], "versions_wrapped_in_object"),
        (DETAILS, [{"version": "2.2.1", "url": URL}], "url_is_version_details"),
        ({**DETAILS, "url": "https://peer.example/x"}, [{"version": "2.2.1", "url": URL}], "url_is_version_details"),
    ],
)
def test_a_version_list_is_found_in_other_shapes(data, meant, quirk):
    assert shapes.of_versions(data, URL) == (meant, quirk)


@pytest.mark.parametrize(
    "data",
    [None, "2.2.1", 5, {}, {"versions": {}}, {"versions": None}, {"version": "2.2.1"}, {"endpoints": []}, [DETAILS]],
)
def test_what_cannot_be_put_right_stays_as_it_is(data):
    assert shapes.of_versions(data, URL) == (data, None)


@pytest.mark.parametrize(
    ("data", "meant", "quirk"),
    [
        (DETAILS, DETAILS, None),
        ([DETAILS], DETAILS, "details_wrapped_in_array"),
    ],
)
def test_details_are_found_in_an_array_of_one(data, meant, quirk):
    assert shapes.of_details(data) == (meant, quirk)


@pytest.mark.parametrize("data", [None, [], {}, [DETAILS, DETAILS], [[DETAILS]], [ENTRY], [None], "x"])
def test_what_are_no_details_stays_as_it_is(data):
    assert shapes.of_details(data) == (data, None)


@pytest.mark.parametrize("data", [{"versions": [ENTRY]}, ENTRY, DETAILS])
def test_the_quirk_that_is_named_is_one_that_can_be_set(data):
    _, name = shapes.of_versions(data, URL)

    assert Quirks.read({name: "false"}).write() == {name: "false"}
