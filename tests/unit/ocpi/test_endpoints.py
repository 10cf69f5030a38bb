"""Version details that others send: what cannot be understood is skipped (VD-03, VD-07, VD-08, VD-11)."""

import pytest

from broker.core.model import Endpoint, InterfaceRole, Version
from broker.ocpi import DIALECTS
from broker.ocpi.dialect import Malformed
from broker.ocpi.endpoints import read_details_with_roles as read_details
from broker.ocpi.endpoints import read_details_without_roles

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


@pytest.mark.parametrize("read", [read_details, read_details_without_roles])
def test_endpoints_are_counted_before_they_are_looked_at(read):
    read(details(*[{}] * 1000))

    with pytest.raises(Malformed, match="endpoints: must have at most 1000 entries"):
        read(details(*[{}] * 1001))


@pytest.mark.parametrize(
    ("spelling", "module"),
    [
        ("CDRs", "cdrs"),
        ("ChargingProfiles", "chargingprofiles"),
        ("HubClientInfo", "hubclientinfo"),
        ("clientinfo", "hubclientinfo"),
        ("ClientInfo", "hubclientinfo"),
        ("InvoiceReconciliation", "invoicereconciliation"),
        ("Payments", "payments"),
        ("booking", "Booking"),
        ("Booking", "Booking"),
        ("bookings", "Booking"),
        ("BOOKINGS", "Booking"),
        # Custom modules stay as they are (VD-10).
        ("NLtnm-Tokens", "NLtnm-Tokens"),
        ("Location", "Location"),
    ],
)
def test_modules_are_found_in_every_spelling(spelling, module):
    """A38, VD-09, VD-11."""
    assert read_details(details(entry(spelling)))[1] == (Endpoint(module, SENDER, URL),)


def test_two_spellings_of_one_module_are_one():
    assert read_details(details(entry("bookings"), entry("Booking", url=URL + "2")))[1] == (
        Endpoint("Booking", SENDER, URL),
    )


@pytest.mark.parametrize("role", ["SENDER", "RECEIVER", None, "BOTH", 5])
def test_before_2_2_a_role_that_is_there_all_the_same_is_ignored(role):
    """VD-02."""
    assert read_details_without_roles(details(entry(role=role)))[1] == (Endpoint("locations", None, URL),)


def test_before_2_2_of_a_module_the_first_counts():
    listed = details(entry(role="SENDER"), entry(role="RECEIVER", url=URL + "2"))

    assert read_details_without_roles(listed)[1] == (Endpoint("locations", None, URL),)


@pytest.mark.parametrize("version", DIALECTS)
def test_only_2_0_has_details_in_an_array(version):
    """EN-03. In other versions it is a quirk (A25)."""
    one = [details({"identifier": "credentials", "role": "SENDER", "url": URL})]

    if version == "2.0":
        assert DIALECTS[version].read_details(one) == DIALECTS[version].read_details(one[0])
    else:
        with pytest.raises(Malformed, match=r"^must be an object$"):
            DIALECTS[version].read_details(one)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (None, "must be an object"),
        ([], "must be an object"),
        ([details()], "must be an object"),
        ([details(), details()], "must be an object"),
        ({"endpoints": []}, "version: is required"),
        ({"version": 2.2, "endpoints": []}, "version: must be a string"),
        ({"version": "2.2.1-d2", "endpoints": []}, "version: must be a version number such as 2.2.1"),
        ({"version": "2.2.1"}, "endpoints: is required"),
        ({"version": "2.2.1", "endpoints": {}}, "endpoints: must be a list"),
    ],
)
def test_what_are_no_details_is_refused(data, said):
    with pytest.raises(Malformed) as raised:
        read_details(data)

    assert str(raised.value) == said
