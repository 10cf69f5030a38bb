"""Connections as an operator has them before they are imported."""

import secrets
from dataclasses import dataclass
from typing import Any

from ocpi_broker.v1 import peer_service_pb2, resources_pb2, token_service_pb2
from tests.peer import new_party
from tests.stack import Deployment, Home, party

HOST = "https://ocpi.partner.example"


def foreign_token() -> str:
    """As another system makes them: hexadecimal, so that it is sound Base64 as well."""
    return secrets.token_hex(16)


def newcomer(name: str = "kwl", **changes: Any) -> peer_service_pb2.PortablePeer:
    """A connection that nothing is wrong with."""
    sender, receiver = resources_pb2.INTERFACE_ROLE_SENDER, resources_pb2.INTERFACE_ROLE_RECEIVER
    endpoint = resources_pb2.Endpoint
    fields: dict[str, Any] = {
        "peer_id": name,
        "version": "2.2.1",
        "versions_url": f"{HOST}/{name}/versions",
        "held_token": foreign_token(),
        "issued_token": foreign_token(),
        "parties": [party(new_party())],
        "endpoints": [
            endpoint(module="credentials", interface_role=receiver, url=f"{HOST}/{name}/2.2.1/credentials"),
            endpoint(module="locations", interface_role=sender, url=f"{HOST}/{name}/2.2.1/locations"),
        ],
    }
    return peer_service_pb2.PortablePeer(**{**fields, **changes})


async def take_over(
    home: Home, peer: peer_service_pb2.PortablePeer, **more: Any
) -> peer_service_pb2.ImportPeerResponse:
    return await home.stack.peers.ImportPeer(peer_service_pb2.ImportPeerRequest(parent=home.name, peer=peer, **more))


async def exported(home: Home, *, with_tokens: bool = False) -> dict[str, peer_service_pb2.PortablePeer]:
    """By name."""
    request = peer_service_pb2.ExportPeersRequest(parent=home.name, page_size=1000, with_tokens=with_tokens)
    answer = await home.stack.peers.ExportPeers(request)
    return {peer.peer_id: peer for peer in answer.peers}


async def verdict(deployment: Deployment, home: Home, authorization: str) -> token_service_pb2.VerifyTokenResponse:
    """On the header itself, as a peer writes it."""
    return await deployment.tokens.VerifyToken(
        token_service_pb2.VerifyTokenRequest(parent=home.name, authorization=authorization, module="locations")
    )


@dataclass(frozen=True, slots=True)
class Couple:
    """Two tenants of one deployment that were connected by other software, as each of them knows the other."""

    one: Home
    two: Home
    of_one: peer_service_pb2.PortablePeer
    of_two: peer_service_pb2.PortablePeer


async def coupled(stack: Deployment, issued: str = "", **changes: Any) -> Couple:
    """issued is the token that two shows to one; changes are made to what one knows."""
    kinds = new_party("CPO"), new_party("EMSP")
    one, two = [await stack.home(parties=[kind]) for kind in kinds]
    tokens = issued or foreign_token(), foreign_token()
    known = [
        newcomer(
            name,
            held_token=held,
            issued_token=shown,
            versions_url=other.versions_url,
            parties=[party(kind)],
            endpoints=[resources_pb2.Endpoint(module="credentials", url=_credentials(other))],
            **more,
        )
        for name, held, shown, other, kind, more in (
            ("two", tokens[1], tokens[0], two, kinds[1], changes),
            ("one", tokens[0], tokens[1], one, kinds[0], {}),
        )
    ]
    await take_over(one, known[0])
    await take_over(two, known[1])
    return Couple(one, two, known[0], known[1])


def _credentials(home: Home) -> str:
    return f"{home.versions_url.removesuffix('versions')}2.2.1/credentials"


async def rotated(home: Home, name: str) -> resources_pb2.Peer:
    """After a PUT of ours that went well."""
    request = peer_service_pb2.RotatePeerRequest(name=f"{home.name}/peers/{name}", wait=True)
    peer = (await home.stack.peers.RotatePeer(request)).peer
    assert not peer.HasField("job"), peer.job
    return peer
