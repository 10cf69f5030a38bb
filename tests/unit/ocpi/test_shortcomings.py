"""What a tenant cannot say of itself in a version that it offers is told when it is set up (VL-10, A21)."""

import pytest

from broker.core.model import BusinessDetails, Endpoint, InterfaceRole, Party, PartyKey, Role, Tenant, Version
from broker.ocpi import DIALECTS
from broker.ocpi.shortcomings import inexpressible, shortcomings

URL = "https://api.example/locations"
CPO, EMSP, HUB, SECOND = (
    Party(PartyKey("DE", identifier, role), BusinessDetails("Kabelwerk"))
    for identifier, role in [("KWL", Role.CPO), ("KWL", Role.EMSP), ("LMH", Role.HUB), ("LMX", Role.HUB)]
)
ALL = tuple(map(Version, DIALECTS))
SENDER, RECEIVER = InterfaceRole.SENDER, InterfaceRole.RECEIVER


def tenant(*parties, versions=ALL, endpoints=()):
    listed = tuple((Version(version), Endpoint(module, role, URL)) for version, module, role in endpoints)
    return Tenant("acme", versions, parties, endpoints=listed)


def versions_that_fall_short(one):
    return [told.removeprefix("OCPI ").split(":")[0] for told in shortcomings(one)]


@pytest.mark.parametrize(
    ("one", "versions"),
    [
        (tenant(CPO), []),
        (tenant(HUB), []),
        (tenant(CPO, EMSP), ["2.0", "2.1.1"]),
        (tenant(CPO, EMSP, versions=ALL[2:]), []),
        (tenant(HUB, SECOND), ["2.0", "2.1.1", "2.3.0"]),
        (tenant(), list(DIALECTS)),
    ],
)
def test_parties_that_a_version_cannot_name_are_told(one, versions):
    assert versions_that_fall_short(one) == versions


@pytest.mark.parametrize(
    ("endpoints", "versions"),
    [
        ([(version, "locations", SENDER) for version in DIALECTS], []),
        ([("2.1.1", "tokens", None)], []),
        ([("2.1.1", "tokens", SENDER), ("2.1.1", "tokens", RECEIVER)], ["2.1.1"]),
        ([("2.2.1", "tokens", SENDER), ("2.2.1", "tokens", RECEIVER)], []),
        ([("2.2.1", "tokens", None), ("2.0", "cdrs", None)], ["2.2.1"]),
        ([("2.0", "credentials", None)], ["2.0"]),
    ],
)
def test_endpoints_that_a_version_cannot_list_are_told(endpoints, versions):
    assert versions_that_fall_short(tenant(CPO, endpoints=endpoints)) == versions


@pytest.mark.parametrize(
    ("endpoints", "said"),
    [
        ([("2.1.1", "tokens", None), ("2.2.1", "tokens", SENDER), ("2.2.1", "tokens", RECEIVER)], {}),
        ([("2.1.1", "cdrs", None), ("2.1.1", "tokens", SENDER), ("2.1.1", "tokens", RECEIVER)], {2: "once only"}),
        ([("2.2.1", "tokens", None), ("2.2.1", "cdrs", SENDER)], {0: "needs an interface role"}),
        ([("2.2.1", "cdrs", SENDER), ("2.2.2", "cdrs", SENDER)], {1: "OCPI 2.2.2 is not spoken here, but 2.0, "}),
    ],
)
def test_each_endpoint_that_cannot_be_listed_is_named_by_its_place(endpoints, said):
    found = dict(inexpressible(tenant(CPO, endpoints=endpoints).endpoints))

    assert found.keys() == said.keys()
    assert all(said[index] in found[index] for index in said)


def test_what_is_not_offered_is_nothing_to_tell():
    one = tenant(CPO, versions=ALL[:2], endpoints=[("2.2.1", "tokens", None)])

    assert shortcomings(one) == []


def test_a_shortcoming_is_a_sentence_that_says_what_to_do():
    (told,) = shortcomings(tenant(CPO, EMSP, versions=ALL[1:2]))

    assert told.startswith("OCPI 2.1.1: before OCPI 2.2 a credentials object names one party, and there are 2: ")
    assert told.endswith("each role needs a tenant of its own")
