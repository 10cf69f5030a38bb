"""Where the processes of a start may listen."""

import pytest

from broker.cli.failures import CommandError
from broker.cli.processes import INSECURE, check_addresses
from broker.process.address import Address


def test_the_embedded_start_stays_on_this_machine_for_insecure_peers():
    here, everywhere = Address("127.0.0.1", 1), Address("0.0.0.0", 1)

    check_addresses(here, everywhere, frozenset())
    check_addresses(here, here, INSECURE["private"])
    with pytest.raises(CommandError):
        check_addresses(here, everywhere, INSECURE["loopback"])
