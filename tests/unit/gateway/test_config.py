"""Settings of the gateway: clear text stays on this machine, and the key is not shown."""

from pathlib import Path

import pytest

from gateway.config import GatewaySettings, is_loopback


@pytest.mark.parametrize(
    ("target", "is_one"),
    [
        ("127.0.0.1:50051", True),
        ("127.8.8.8:1", True),
        ("localhost:50051", True),
        ("dns:///localhost:50051", True),
        ("[::1]:50051", True),
        ("ipv6:[::1]:50051", True),
        ("ipv4:127.0.0.1:50051", True),
        ("unix:/run/broker.sock", True),
        ("10.0.0.1:50051", False),
        ("[fe80::1]:50051", False),
        ("broker:50051", False),
        ("dns:///broker.example:50051", False),
        ("localhost.example:50051", False),
        ("ipv4:127.0.0.1:1,10.0.0.1:1", False),
        ("", False),
    ],
)
def test_which_targets_are_on_this_machine(target, is_one):
    assert is_loopback(target) is is_one


def test_a_remote_broker_needs_tls():
    with pytest.raises(ValueError, match="CA file"):
        GatewaySettings("127.0.0.1", 0, "broker:50051", "key")

    assert GatewaySettings("127.0.0.1", 0, "broker:50051", "key", Path("ca.pem")).ca_file


def test_a_key_is_needed_and_not_shown():
    with pytest.raises(ValueError, match="service key"):
        GatewaySettings("127.0.0.1", 0, "127.0.0.1:1", "")

    assert "canary" not in repr(GatewaySettings("127.0.0.1", 0, "127.0.0.1:1", "canary"))
