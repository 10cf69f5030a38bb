"""Where the processes of a start may listen."""

import pytest

from broker.cli import serving
from broker.cli.failures import CommandError
from broker.cli.processes import BROKER_HEALTH, GATEWAY_HEALTH, INSECURE, check_addresses
from broker.process.address import Address
from broker.process.door import Door


def test_the_embedded_start_stays_on_this_machine_for_insecure_peers():
    here, everywhere = Address("127.0.0.1", 1), Address("0.0.0.0", 1)

    check_addresses(here, everywhere, frozenset())
    check_addresses(here, here, INSECURE["private"])
    with pytest.raises(CommandError):
        check_addresses(here, everywhere, INSECURE["loopback"])


def test_health_is_shown_on_loopback_unless_told_otherwise_and_a_taken_port_is_no_failure():
    assert (str(BROKER_HEALTH), str(GATEWAY_HEALTH)) == ("127.0.0.1:9464", "127.0.0.1:9465")
    assert BROKER_HEALTH.usual
    assert GATEWAY_HEALTH.usual
    assert not Door.parse("127.0.0.1:9464").usual
    assert Door.parse("off").address is None


def test_insecure_peers_are_warned_of_in_a_frame_on_a_terminal(monkeypatch, capsys):
    """Elsewhere it is an event of the log: tests/integration/test_log_events.py."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)

    serving.warn(INSECURE["private"], "INFO")

    said = capsys.readouterr().err
    assert "WARNING: insecure peers are allowed" in said
    assert "this machine and of private networks" in said
