"""What the default tenant is until its operator says more: a placeholder party, and the versions of a new tenant."""

from broker.core.model import BusinessDetails, Party, PartyKey, Role, Version

PLACEHOLDER = Party(PartyKey("ZZ", "OBK", Role.OTHER), BusinessDetails("ocpi-broker (not configured yet)"))
"""The default tenant's party. ZZ is nobody's country in ISO 3166-1."""

DEFAULT_VERSIONS = (Version("2.2.1"),)
"""What a new tenant offers: only its operator knows for which other versions there are services behind it."""
