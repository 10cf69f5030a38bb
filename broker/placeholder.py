"""Who the default tenant says it is until its operator gives it a party."""

from broker.core.model import BusinessDetails, Party, PartyKey, Role

PLACEHOLDER = Party(PartyKey("ZZ", "OBK", Role.OTHER), BusinessDetails("ocpi-broker (not configured yet)"))
"""ZZ is nobody's country in ISO 3166-1."""
