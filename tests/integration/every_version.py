"""Platforms of every version, and what their operators change and read."""

from typing import Any

import pytest
from google.protobuf import field_mask_pb2

from ocpi_broker.v1 import peer_service_pb2, resources_pb2
from tests.peer import FLAT, form_of
from tests.stack import Stack

VERSIONS = ("2.0", "2.1.1", "2.2", "2.2.1", "2.3.0")
WITH_ROLES = tuple(version for version in VERSIONS if version not in FLAT)
every_version = pytest.mark.parametrize("version", VERSIONS)

Outcome = resources_pb2.ExchangeOutcome


def speaks(version: str) -> dict[str, Any]:
    """Settings of a platform of this version."""
    return {"version": version, "form": form_of(version)}


async def newest(stack: Stack, name: str) -> resources_pb2.Exchange:
    request = peer_service_pb2.ListExchangesRequest(parent=name, page_size=1)
    return (await stack.peers.ListExchanges(request)).exchanges[0]


async def change(stack: Stack, name: str, *paths: str, **values: Any) -> resources_pb2.Peer:
    request = peer_service_pb2.UpdatePeerRequest(
        peer=resources_pb2.Peer(name=name, **values), update_mask=field_mask_pb2.FieldMask(paths=paths or values)
    )
    return (await stack.peers.UpdatePeer(request)).peer
