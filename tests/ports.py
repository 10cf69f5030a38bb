"""Ports that are still free when they are used, also while other tests run beside these."""

import secrets
import socket

# Below what systems give to connections and to who asks for any port: none of those takes one away meanwhile.
_FIRST, _LAST = 10_000, 32_000


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    while True:
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
