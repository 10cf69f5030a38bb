"""The files in the data directory by which commands on the same machine find the broker."""

from typing import Final

TARGET: Final = "target"
"""HOST:PORT where it listens."""
AUTHORITY: Final = "ca.crt"
"""The broker's certificate, to be trusted (PEM); not there without TLS."""
