"""What a peer's version details must list (RR-10, A32, VD-05)."""

import pytest

from broker.core.model import Endpoint, InterfaceRole, PartyKey, RequiredModule, Role
from broker.core.required_modules import missing_modules

SENDER, RECEIVER = InterfaceRole.SENDER, InterfaceRole.RECEIVER
CPO, EMSP = PartyKey("DE", "KWL", Role.CPO), PartyKey("DE", "KWL", Role.EMSP)


def endpoint(module, role=None):
    return Endpoint(module, role, f"https://peer.example/{module}")


CREDENTIALS = endpoint("credentials", SENDER)
LOCATIONS = RequiredModule("locations")
LOCATIONS_SENDER = RequiredModule("locations", SENDER)
TOKENS_OF_EMSP = RequiredModule("tokens", SENDER, Role.EMSP)


@pytest.mark.parametrize("role", [SENDER, RECEIVER, None])
def test_the_interface_role_of_credentials_means_nothing(role):
    assert missing_modules([], [CPO], [endpoint("credentials", role)]) == []


@pytest.mark.parametrize("endpoints", [[], [endpoint("locations", SENDER)]])
def test_credentials_are_always_required(endpoints):
    assert missing_modules([], [CPO], endpoints) == ["credentials"]


@pytest.mark.parametrize(
    ("rule", "served", "missing"),
    [
        (LOCATIONS, endpoint("locations", SENDER), []),
        (LOCATIONS, endpoint("locations", RECEIVER), []),
        (LOCATIONS, endpoint("locations"), []),
        (LOCATIONS, endpoint("Locations", SENDER), ["locations"]),
        (LOCATIONS, endpoint("sessions", SENDER), ["locations"]),
        (LOCATIONS_SENDER, endpoint("locations", SENDER), []),
        # A version without interface roles (before 2.2) cannot say which side it serves.
        (LOCATIONS_SENDER, endpoint("locations"), []),
        (LOCATIONS_SENDER, endpoint("locations", RECEIVER), ["locations/SENDER"]),
        (LOCATIONS_SENDER, endpoint("sessions", SENDER), ["locations/SENDER"]),
    ],
)
def test_a_module_is_served_in_the_interface_role_asked_for(rule, served, missing):
    assert missing_modules([rule], [CPO], [CREDENTIALS, served]) == missing


@pytest.mark.parametrize(
    ("announced", "missing"),
    [([CPO], []), ([EMSP], ["tokens/SENDER"]), ([CPO, EMSP], ["tokens/SENDER"]), ([], [])],
)
def test_a_rule_for_a_role_binds_only_peers_in_that_role(announced, missing):
    assert missing_modules([TOKENS_OF_EMSP], announced, [CREDENTIALS]) == missing


def test_every_missing_module_is_named_once_and_in_order():
    rules = [TOKENS_OF_EMSP, LOCATIONS, RequiredModule("tokens", SENDER), RequiredModule("credentials"), LOCATIONS]

    assert missing_modules(rules, [EMSP], []) == ["credentials", "tokens/SENDER", "locations"]
