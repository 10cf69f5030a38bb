"""Settings of the gateway: clear text stays on this machine, and the key is not shown."""

from pathlib import Path

import pytest

from gateway.config import GatewaySettings


def test_a_remote_broker_needs_tls():
    with pytest.raises(ValueError, match="CA file"):
        GatewaySettings("127.0.0.1", 0, "broker:50051", "key")

    assert GatewaySettings("127.0.0.1", 0, "broker:50051", "key", Path("ca.pem")).ca_file


def test_a_key_is_needed_and_not_shown():
    with pytest.raises(ValueError, match="service key"):
        GatewaySettings("127.0.0.1", 0, "127.0.0.1:1", "")

    assert "canary" not in repr(GatewaySettings("127.0.0.1", 0, "127.0.0.1:1", "canary"))
