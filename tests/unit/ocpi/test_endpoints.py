"""Version details that others send: what cannot be understood is skipped (VD-03, VD-07, VD-08, VD-11)."""

import pytest

from broker.core.model import Endpoint, InterfaceRole, Version
from broker.ocpi import DIALECTS
from broker.ocpi.dialect import Malformed
from broker.ocpi.endpoints import read_details_with_roles, read_details_without_roles
from broker.ocpi.fields import Notes

URL = "https://peer.example/e"
SENDER, RECEIVER = InterfaceRole.SENDER, InterfaceRole.RECEIVER
EITHER = Endpoint("locations", None, URL)


def read_details(value, read=read_details_with_roles):
    return read(value, Notes())


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
        (
            [entry(role="sender"), entry(role="Receiver")],
            [Endpoint("locations", one, URL) for one in (SENDER, RECEIVER)],
        ),
        ([entry(role=None)], [EITHER]),
        ([{"identifier": "locations", "url": URL}], [EITHER]),
        ([entry(role="BOTH")], [EITHER]),
        ([entry(role="CPO"), entry(role="RECEIVER")], [EITHER, Endpoint("locations", RECEIVER, URL)]),
        ([entry(role=["SENDER"])], [EITHER]),
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


@pytest.mark.parametrize(
    ("listed", "noted"),
    [
        (entry(role="sender"), ()),
        (entry("credentials", "BOTH"), ()),
        (
            entry(role="CPO"),
            ('role: must be SENDER or RECEIVER; "locations", written "CPO", is taken for either of them',),
        ),
        (entry(role=None), ('role: is required; "locations" is taken for either of them',)),
        (entry(role=["CPO"]), ('role: must be SENDER or RECEIVER; "locations" is taken for either of them',)),
        (entry(role="x" * 61), ('role: must be SENDER or RECEIVER; "locations" is taken for either of them',)),
        (entry(url="/e"), ('url: must be an absolute URL; "locations", written "/e", is skipped',)),
        (entry(url="/e?key=hush"), ('url: must be an absolute URL; "locations" is skipped',)),
        (entry(None), ("identifier: is required; the entry is skipped",)),
        (entry("a b"), ('identifier: must consist of printable ASCII without blanks; "a b" is skipped',)),
        (entry("a" * 256), ("identifier: must have 1 to 255 characters; the entry is skipped",)),
    ],
)
def test_an_endpoint_that_is_skipped_or_taken_for_either_is_named(listed, noted):
    """Whoever misses an endpoint wants to know why."""
    notes = Notes()

    read_details_with_roles(details(entry("cdrs"), listed), notes)

    assert notes.taken() == tuple(f"endpoints[1].{note}" for note in noted)


def test_an_entry_that_is_none_and_one_that_comes_twice_are_named():
    notes = Notes()

    read_details_with_roles(details("x", entry(), entry(), entry(url=URL + "2")), notes)

    assert notes.taken() == (
        "endpoints[0]: must be an object; the entry is skipped",
        'endpoints[3]: is listed before with another URL; "locations/SENDER" is skipped, the first counts',
    )


def test_before_2_2_skipped_endpoints_are_named_and_roles_are_no_matter():
    notes = Notes()

    read_details_without_roles(details(entry(role="BOTH"), entry(url=None)), notes)

    assert notes.taken() == ('endpoints[1].url: is required; "locations" is skipped',)


@pytest.mark.parametrize("read", [read_details_with_roles, read_details_without_roles])
def test_endpoints_are_counted_before_they_are_looked_at(read):
    read_details(details(*[{}] * 1000), read)

    with pytest.raises(Malformed, match="endpoints: must have at most 1000 entries"):
        read_details(details(*[{}] * 1001), read)


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
    assert read_details(details(entry(role=role)), read_details_without_roles)[1] == (Endpoint("locations", None, URL),)


def test_before_2_2_of_a_module_the_first_counts():
    listed = details(entry(role="SENDER"), entry(role="RECEIVER", url=URL + "2"))

    assert read_details(listed, read_details_without_roles)[1] == (Endpoint("locations", None, URL),)


@pytest.mark.parametrize("version", DIALECTS)
def test_only_2_0_has_details_in_an_array(version):
    """EN-03. In other versions it is a quirk (A25)."""
    one = [details({"identifier": "credentials", "role": "SENDER", "url": URL})]

    if version == "2.0":
        assert read_details(one, DIALECTS[version].read_details) == read_details(one[0], DIALECTS[version].read_details)
    else:
        with pytest.raises(Malformed, match=r"^must be an object$"):
            read_details(one, DIALECTS[version].read_details)


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
