"""Tenants in Protobuf: versions, endpoints and policy, checked field by field."""

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from broker.contract.parties import versioned_from_pb
from broker.contract.tenants import policy_from_pb, policy_to_pb, versioned_endpoints_from_pb, versions_from_pb
from broker.contract.values import Violations
from broker.core.model import Endpoint, InterfaceRole, Policy, RequiredModule, Role, RolePolicy, Version
from ocpi_broker.v1 import resources_pb2
from tests.unit.contract.reading import URL, YEAR, few, fields

SECONDS = st.integers(0, 366 * 24 * 3600)
RULES = st.builds(
    RequiredModule,
    st.sampled_from(["locations", "tokens"]),
    st.none() | st.sampled_from(InterfaceRole),
    st.none() | st.sampled_from(Role),
)


@few
@given(
    st.builds(
        Policy,
        SECONDS.filter(bool),
        SECONDS,
        SECONDS,
        st.lists(RULES, max_size=3).map(tuple),
        st.sampled_from(RolePolicy),
        st.booleans(),
        st.booleans(),
    )
)
def test_a_policy_survives(value):
    found = Violations()

    assert policy_from_pb(policy_to_pb(value), found) == value
    found.check()


@pytest.mark.parametrize(
    ("values", "read", "wrong"),
    [
        (["2.2.1"], ("2.2.1",), []),
        (["2.2.1", "2.2", "2.2.1"], ("2.2", "2.2.1"), []),
        (["2.10", "2.9"], ("2.9", "2.10"), []),
        (["2.2.1", "9.9", "latest"], ("2.2.1",), ["tenant.versions[1]", "tenant.versions[2]"]),
        ([], (), []),
    ],
)
def test_versions_are_known_ones_each_once_in_order(values, read, wrong):
    found = Violations()

    versions = versions_from_pb(values, ["2.2", "2.2.1", "2.9", "2.10"], "tenant.versions", found)

    assert versions == tuple(map(Version, read))
    assert fields(lambda _: found.check()) == wrong


def versioned(version="2.2.1", module="locations", url=URL):
    return resources_pb2.VersionedEndpoint(version=version, endpoint=resources_pb2.Endpoint(module=module, url=url))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (versioned(), []),
        (versioned(url="http://10.0.0.1:8080/locations"), []),
        (versioned(url="https://peer.example/" + "x" * 234), []),
        (versioned(url="https://peer.example/" + "x" * 235), ["tenant.endpoints[0].endpoint.url"]),
        (versioned(url=""), ["tenant.endpoints[0].endpoint.url"]),
        (versioned(url="/locations"), ["tenant.endpoints[0].endpoint.url"]),
        (versioned(url="ftp://peer.example/"), ["tenant.endpoints[0].endpoint.url"]),
        (versioned(url="https://"), ["tenant.endpoints[0].endpoint.url"]),
        (versioned(url="https://peer.example/a b"), ["tenant.endpoints[0].endpoint.url"]),
        (versioned(url="https://peer.example/\n"), ["tenant.endpoints[0].endpoint.url"]),
        (versioned(module=""), ["tenant.endpoints[0]"]),
        (versioned(module="loc/ations"), ["tenant.endpoints[0]"]),
        (versioned(module="x" * 65), ["tenant.endpoints[0]"]),
        (versioned(version="latest"), ["tenant.endpoints[0]"]),
        (resources_pb2.VersionedEndpoint(), ["tenant.endpoints[0]"]),
    ],
)
def test_an_endpoint_of_a_tenant_is_checked(message, expected):
    assert fields(versioned_endpoints_from_pb, [message]) == expected


def test_a_tenants_endpoint_keeps_its_version():
    assert versioned_from_pb(versioned()) == (Version("2.2.1"), Endpoint("locations", None, URL))


def test_an_empty_policy_is_the_default():
    assert policy_from_pb(resources_pb2.TenantPolicy(), Violations()) == Policy()
    assert (Policy().invitation_expiry, Policy().post_retry_window, Policy().put_retry_window) == (
        14 * 86_400,
        15 * 60,
        86_400,
    )


def test_a_window_of_zero_is_strict_and_not_the_default():
    message = resources_pb2.TenantPolicy(post_retry_window=Duration(), put_retry_window=Duration())

    read = policy_from_pb(message, Violations())

    assert (read.post_retry_window, read.put_retry_window) == (0, 0)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"invitation_expiry": Duration(seconds=1)}, []),
        ({"invitation_expiry": Duration(seconds=0)}, ["tenant.policy.invitation_expiry"]),
        ({"invitation_expiry": Duration(seconds=YEAR)}, []),
        ({"invitation_expiry": Duration(seconds=YEAR + 1)}, ["tenant.policy.invitation_expiry"]),
        (
            {"post_retry_window": Duration(seconds=-1), "put_retry_window": Duration(seconds=2**62)},
            ["tenant.policy.post_retry_window", "tenant.policy.put_retry_window"],
        ),
        ({"required_modules": [resources_pb2.RequiredModule()]}, ["tenant.policy.required_modules[0]"]),
    ],
)
def test_a_policy_is_checked_field_by_field(message, expected):
    assert fields(policy_from_pb, resources_pb2.TenantPolicy(**message)) == expected
