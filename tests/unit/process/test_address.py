"""HOST:PORT."""

import pytest

from broker.process.address import Address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("localhost:0", "localhost", 0),
        ("broker.example:50051", "broker.example", 50051),
        ("[::1]:8080", "::1", 8080),
    ],
)
def test_an_address_is_a_host_and_a_port(text, host, port):
    address = Address.parse(text)

    assert address == Address(host, port)
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "8080", ":8080", "host", "host:", "host:x", "host:65536", "::1:80", "a@b:1", "b:1/x", "b:1?x", " b:1"]
)
def test_anything_else_is_no_address(text):
    with pytest.raises(ValueError, match="must be HOST:PORT"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("localhost.example:1", False),
    ],
)
def test_loopback_is_told_from_everything_else(text, loopback):
    assert Address.parse(text).loopback is loopback


@pytest.mark.parametrize(
    ("text", "reachable"), [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.1:1", "10.0.0.1:1")]
)
def test_what_listens_everywhere_is_called_on_loopback(text, reachable):
    assert str(Address.parse(text).reachable) == reachable
