"""Names of resources: their form, and which ids may stand in them."""

import pytest

from broker.contract.names import caller_of, peer_of, resource_id, tenant_id, tenant_of
from tests.unit.contract.reading import refused


@pytest.mark.parametrize("value", ["a", "acme", "a-b", "a--b", "default", "x" * 40, "2x2", "1-2"])
def test_a_tenant_id(value):
    assert tenant_id(value) == value


@pytest.mark.parametrize(
    "value",
    ["", "-", "-a", "a-", "A", "Acme", "a_b", "a.b", "a/b", "a b", "a\n", "ä", "\u0661", "x" * 41, "2.2.1", ".."],
)
def test_what_is_no_tenant_id(value):
    with pytest.raises(ValueError, match=r"^must be 1 to 40 lower case letters"):
        tenant_id(value)


@pytest.mark.parametrize("value", ["versions", "credentials", "hubclientinfo", "2", "221", "0"])
def test_a_tenant_id_is_never_taken_for_an_ocpi_path(value):
    with pytest.raises(ValueError, match=r"^is reserved"):
        tenant_id(value)
    assert resource_id(value) == value


def test_other_ids_have_up_to_60_characters():
    assert resource_id("x" * 60) == "x" * 60


@pytest.mark.parametrize("value", ["", "x" * 61, "kwl_1", "KWL", "-kwl", "kwl-"])
def test_what_is_no_other_id(value):
    with pytest.raises(ValueError, match=r"^must be 1 to 60 lower case letters"):
        resource_id(value)


def test_names_are_read():
    assert tenant_of("tenants/acme", "parent") == "acme"
    assert peer_of("tenants/acme/peers/kwl", "name") == ("acme", "kwl")
    assert caller_of("callers/billing", "name") == "billing"


@pytest.mark.parametrize(
    ("read", "form", "names"),
    [
        (tenant_of, "tenants/{tenant}", ["", "acme", "tenants", "tenants/", "/acme", "Tenants/acme", "peers/acme"]),
        (tenant_of, "tenants/{tenant}", ["tenants/a/", "/tenants/a", "tenants/a/peers/b", "tenants//a"]),
        (peer_of, "tenants/{tenant}/peers/{peer}", ["", "tenants/a", "tenants/a/peers/", "tenants//peers/b"]),
        (peer_of, "tenants/{tenant}/peers/{peer}", ["tenants/a/callers/b", "tenants/a/peers/b/c", "a/b/c/d"]),
        (caller_of, "callers/{caller}", ["", "callers/", "tenants/a", "callers/a/b"]),
    ],
)
def test_a_name_of_another_form_is_refused_with_the_form(read, form, names):
    for name in names:
        assert refused(read, name, "the.field") == [("the.field", f"must have the form {form}")]
