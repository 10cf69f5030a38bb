"""ocpi-broker for internal services: the contract (ocpi_broker.v1) and a client for it (ocpi_broker.client)."""
