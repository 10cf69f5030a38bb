"""How the contract names resources and enum values, and the plain words that people type and read for them."""

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from ocpi_broker.v1.resources_pb2 import PeerState


def tenant_name(tenant: str) -> str:
    return f"tenants/{tenant}"


def peer_name(tenant: str, peer: str) -> str:
    return f"{tenant_name(tenant)}/peers/{peer}"


def caller_name(caller: str) -> str:
    return f"callers/{caller}"


def id_of(name: str) -> str | None:
    """The last id in a resource name; None for no name."""
    return name.rpartition("/")[2] or None


def tenant_of(name: str) -> str | None:
    """The tenant's id in the name of anything below it."""
    _, _, below = name.partition("tenants/")
    return below.partition("/")[0] or None


def word(kind: EnumTypeWrapper, value: int, prefix: str) -> str | None:
    """An enum's value without the prefix; None for unspecified. One unknown to this release is given as its number."""
    if not value:
        return None
    return kind.Name(value).removeprefix(prefix) if value in kind.values() else str(value)


def state_word(state: PeerState) -> str:
    """A peer's state as `peer list --state` takes it."""
    return (word(PeerState, state, "PEER_STATE_") or "in no state").lower()
