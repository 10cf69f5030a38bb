"""Sockets that are bound before anything serves on them, so that the port is known and an address that is taken is said
at once.
"""

import socket

from broker.process.address import Address
from broker.process.not_ready import NotReadyError
from gateway import server as gateway_server


def listen(address: Address) -> socket.socket:
    """Bound, so that the port is known, but not served yet. Raises NotReadyError if the address is not to be had."""
    try:
        return gateway_server.bind(address.host, address.port)
    except OSError as err:
        raise NotReadyError(f"cannot listen on {address}: {err.strerror or err}") from None


def address_of(listener: socket.socket) -> Address:
    """Where it is bound."""
    return Address.parse(gateway_server.bound_to(listener))
