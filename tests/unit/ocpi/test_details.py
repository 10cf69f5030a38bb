"""Version details that others send: what cannot be understood is skipped (VD-03, VD-07, VD-08, VD-11)."""

import pytest

from broker.core.model import Endpoint, InterfaceRole, Version
from broker.ocpi.dialect import Malformed
from broker.ocpi.v2_2 import read_details

URL = "https://peer.example/e"
SENDER, RECEIVER = InterfaceRole.SENDER, InterfaceRole.RECEIVER


def details(*endpoints):
    return {"version": "2.2.1", "endpoints": list(endpoints)}


def entry(identifier="locations", role="SENDER", url=URL):
    return {"identifier": identifier, "role": role, "url": url}


@pytest.mark.parametrize(
    ("endpoints", "read"),
    [
        ([entry()], [Endpoint("locations", SENDER, URL)]),
        ([entry("Locations")], [Endpoint("locations", SENDER, URL)]),
        ([entry("NLtnm-Tokens")], [Endpoint("NLtnm-Tokens", SENDER, URL)]),
        ([entry(), entry(role="RECEIVER")], [Endpoint("locations", SENDER, URL), Endpoint("locations", RECEIVER, URL)]),
        ([entry(), entry(url=URL + "2")], [Endpoint("locations", SENDER, URL)]),
        ([entry("credentials", "RECEIVER")], [Endpoint("credentials", RECEIVER, URL)]),
        ([entry("credentials", None)], [Endpoint("credentials", None, URL)]),
        ([{"identifier": "credentials", "url": URL}], [Endpoint("credentials", None, URL)]),
        ([entry("credentials", "BOTH")], [Endpoint("credentials", None, URL)]),
        ([entry(role=None)], []),
        ([entry(role="sender")], []),
        ([entry(role=["SENDER"])], []),
        ([entry(identifier=None)], []),
        ([entry(identifier="")], []),
        ([entry(identifier="a b")], []),
        ([entry(identifier="a" * 256)], []),
        ([entry(url=None)], []),
        ([entry(url="/e")], []),
        (["x", None, 5, [], entry()], [Endpoint("locations", SENDER, URL)]),
        ([], []),
    ],
)
def test_endpoints_are_read_if_they_can_be_understood(endpoints, read):
    assert read_details(details(*endpoints)) == (Version("2.2.1"), tuple(read))


def test_details_in_an_array_of_one_are_read():
    assert read_details([details(entry())]) == read_details(details(entry()))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "must be an object"),
        ([], "must be an object"),
        ([details(), details()], "must be an object"),
        ({"endpoints": []}, "version: is required"),
        ({"version": 2.2, "endpoints": []}, "version: must be a string"),
        ({"version": "2.2.1-d2", "endpoints": []}, "version: must be a version number such as 2.2.1"),
        ({"version": "2.2.1"}, "endpoints: must be a list"),
        ({"version": "2.2.1", "endpoints": {}}, "endpoints: must be a list"),
    ],
)
def test_what_are_no_details_is_refused(data, said):
    with pytest.raises(Malformed) as raised:
        read_details(data)

    assert str(raised.value) == said
