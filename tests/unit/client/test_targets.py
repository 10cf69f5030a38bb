"""To which targets a service key goes in clear text."""

import pytest

from ocpi_broker.client.targets import is_loopback


@pytest.mark.parametrize(
    ("target", "is_one"),
    [
        ("127.0.0.1:50051", True),
        ("127.8.8.8:1", True),
        ("localhost:50051", True),
        ("localhost", True),
        ("dns:///localhost:50051", True),
        ("dns:127.0.0.1:50051", True),
        ("[::1]:50051", True),
        ("ipv6:[::1]:50051", True),
        ("ipv4:127.0.0.1:50051", True),
        ("ipv4:127.0.0.1:1,127.0.0.1:2", True),
        ("unix:/run/broker.sock", True),
        ("unix-abstract:broker", True),
        ("10.0.0.1:50051", False),
        ("[fe80::1]:50051", False),
        ("broker:50051", False),
        ("dns:///broker.example:50051", False),
        ("dns://192.0.2.1/localhost:50051", False),
        ("xds:///localhost:50051", False),
        ("localhost.example:50051", False),
        ("ipv4:127.0.0.1:1,10.0.0.1:1", False),
        ("ipv4:10.0.0.1:1,127.0.0.1:1", False),
        ("http://127.0.0.1:50051", False),
        ("ipv4:127.0.0.1:1,", False),
        ("", False),
        ("::1:8080", False),
        ("::1", False),
        ("ipv6:[::1%2C10.0.0.1]:1", False),
        ("ipv6:[::1%25eth0]:1", False),
        ("ipv4:127.0.0.1%2C10.0.0.1:1", False),
        ("ipv6:::1%2C10.0.0.1:1", False),
        ("dns:///user@localhost:1", False),
        ("DNS:///localhost:1", False),
        ("127.0.0.1:1 ", False),
        ("127.1:1", False),
        ("0x7f.0.0.1:1", False),
        ("localhost.:1", False),
        ("0.0.0.0:1", False),
        ("[::ffff:10.0.0.1]:1", False),
    ],
)
def test_which_targets_are_on_this_machine(target: str, is_one: bool) -> None:
    assert is_loopback(target) is is_one
