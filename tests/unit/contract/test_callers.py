"""Callers in Protobuf: role and grants are read, and no key is shown."""

import pytest

from broker.contract.callers import caller_role_from_pb, caller_to_pb, grants_from_pb
from broker.contract.values import Violations
from broker.core.caller import Caller, CallerRole
from ocpi_broker.v1 import admin_service_pb2
from tests.unit.contract.reading import fields


def test_grants_name_tenants_or_all_of_them():
    found = Violations()

    assert grants_from_pb(["tenants/acme", "tenants/-"], found) == {"acme", "-"}
    found.check()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["acme"], ["caller.tenants[0]"]),
        (["tenants/acme", "tenants/ACME"], ["caller.tenants[1]"]),
        (["tenants/versions", "tenants/a", "tenants/"], ["caller.tenants[0]", "caller.tenants[2]"]),
    ],
)
def test_a_grant_that_is_no_tenant_is_named(names, expected):
    assert fields(grants_from_pb, names) == expected


@pytest.mark.parametrize("role", CallerRole)
def test_a_caller_role_survives(role):
    caller = Caller("billing", role, frozenset({"acme"}), "AAAAAAAAAAAA", "p1", b"", 1)

    assert caller_role_from_pb(caller_to_pb(caller).role) is role


def test_a_caller_needs_a_role():
    with pytest.raises(ValueError, match=r"^is required$"):
        caller_role_from_pb(admin_service_pb2.CALLER_ROLE_UNSPECIFIED)


def test_a_caller_is_shown_without_its_keys_hash():
    digest = b"the keyed hash"
    caller = Caller("billing", CallerRole.READER, frozenset({"b", "-"}), "AAAAAAAAAAAA", "p1", digest, 2_000_001, 3)

    message = caller_to_pb(caller)

    assert digest not in message.SerializeToString()
    assert b"AAAAAAAAAAAA" not in message.SerializeToString()
    assert (message.name, list(message.tenants)) == ("callers/billing", ["tenants/-", "tenants/b"])
    assert (message.create_time.seconds, message.create_time.nanos, message.revoke_time.nanos) == (2, 1000, 3000)
