"""TokenService: the hot path, answered from memory."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from grpc.aio import ServicerContext

from broker.contract.names import peer_of, tenant_of
from broker.contract.parties import (
    endpoint_to_pb,
    interface_role_from_pb,
    party_to_pb,
    role_from_pb,
)
from broker.contract.peers import rejection_to_pb
from broker.contract.values import invalid
from broker.core.model import Endpoint, InterfaceRole, country_code, party_id
from broker.core.peer import Peer, PeerState, Rejection
from broker.core.required_modules import CREDENTIALS
from broker.errors import (
    BrokerError,
    EndpointNotFoundError,
    InvalidArgumentError,
    NotFoundError,
    PeerBlockedError,
    WrongStateError,
)
from broker.exchanges.situation import form_shown
from broker.memory.authenticator import VERIFICATION, Authenticator, Identity, registration_only
from broker.memory.disclosures import Disclosures
from broker.memory.readmodel import ReadModel
from broker.ocpi.authorization import write_authorization
from broker.rpc import call_context
from broker.rpc.prepared_answers import Constants
from ocpi_broker.v1 import token_service_pb2 as pb
from ocpi_broker.v1 import token_service_pb2_grpc as rpc

Context: TypeAlias = "ServicerContext[Any, Any]"
T = TypeVar("T")
V = TypeVar("V")

MAX_BATCH = 500
_OPEN_TO_INVITATIONS = frozenset({"versions", CREDENTIALS})


class TokenServicer(rpc.TokenServiceServicer):
    """Gives out held tokens and verifies issued ones."""

    def __init__(
        self,
        model: ReadModel,
        authenticator: Authenticator,
        disclosures: Disclosures,
        asked_for: Callable[[Peer], None],
    ) -> None:
        """asked_for is told when somebody asks for the token of a peer that has announced another one."""
        self._model = model
        self._authenticator = authenticator
        self._disclosures = disclosures
        self._asked_for = asked_for
        self._tokens = Constants(_token_of)
        self._verdicts = Constants(_verdict_of)

    async def GetPeerToken(self, request: pb.GetPeerTokenRequest, _context: Context) -> pb.GetPeerTokenResponse:
        self._model.require_fresh()
        await self._model.reach(request.min_revision)
        return self._peer_token(tenant_of(request.parent, "parent"), request, self._whole)

    async def BatchGetPeerTokens(
        self, request: pb.BatchGetPeerTokensRequest, _context: Context
    ) -> pb.BatchGetPeerTokensResponse:
        if not 1 <= len(request.requests) <= MAX_BATCH:
            raise invalid("requests", f"must have 1 to {MAX_BATCH} entries")
        self._model.require_fresh()
        await self._model.reach(max(entry.min_revision for entry in request.requests))
        tenant = tenant_of(request.parent, "parent")
        return pb.BatchGetPeerTokensResponse(
            results=[self._result(tenant, request.parent, entry) for entry in request.requests]
        )

    async def VerifyToken(self, request: pb.VerifyTokenRequest, _context: Context) -> pb.VerifyTokenResponse:
        await self._model.reach(request.min_revision)
        caller = call_context.current().caller
        wanted = tenant_of(request.parent, "parent") if request.parent else None
        found = await self._authenticator.identify(
            [request.authorization],
            lambda peer: caller.may_act_for(peer.tenant) and wanted in (None, peer.tenant),
        )
        if isinstance(found, Rejection):
            return self._rejected(found)
        if registration_only(found) and request.module not in _OPEN_TO_INVITATIONS:
            return self._rejected(Rejection.REGISTRATION_ONLY)
        answer = self._verdict(found)
        answer.revision = self._model.revision
        return answer

    def _verdict(self, found: Identity) -> pb.VerifyTokenResponse:
        if registration_only(found):
            tenant = f"tenants/{found.peer.tenant}"
            return pb.VerifyTokenResponse(valid=True, tenant=tenant, peer=found.peer.name, registration_only=True)
        return pb.VerifyTokenResponse.FromString(self._verdicts.of(found.peer))

    def _rejected(self, rejection: Rejection) -> pb.VerifyTokenResponse:
        self._authenticator.refused.add(VERIFICATION, rejection.value)
        return pb.VerifyTokenResponse(rejection=rejection_to_pb(rejection), revision=self._model.revision)

    def _result(
        self, tenant: str, parent: str, request: pb.GetPeerTokenRequest
    ) -> pb.BatchGetPeerTokensResponse.Result:
        try:
            if request.parent not in ("", parent):
                raise invalid("parent", "must be empty or the batch's parent")
            return pb.BatchGetPeerTokensResponse.Result(token=self._peer_token(tenant, request, _brief))
        except BrokerError as err:
            return pb.BatchGetPeerTokensResponse.Result(refusal=pb.Refusal(reason=err.reason, message=str(err)))

    def _peer_token(
        self, tenant: str, request: pb.GetPeerTokenRequest, described: Callable[[Peer], pb.GetPeerTokenResponse]
    ) -> pb.GetPeerTokenResponse:
        peer = self._usable(self._find(tenant, request))
        role = _field("interface_role", interface_role_from_pb, request.interface_role)
        endpoint = _endpoint(peer, request.module, role)
        token = self._model.held_token(peer)
        if peer.to_be_tried:
            self._asked_for(peer)
        self._disclosures.note(call_context.current().caller, peer)
        answer = described(peer)
        answer.token = token.reveal()
        answer.authorization = write_authorization(token, form_shown(peer))
        answer.endpoint_url = endpoint.url if endpoint else ""
        answer.revision = self._model.revision
        return answer

    def _whole(self, peer: Peer) -> pb.GetPeerTokenResponse:
        return pb.GetPeerTokenResponse.FromString(self._tokens.of(peer))

    def _find(self, tenant: str, request: pb.GetPeerTokenRequest) -> Peer:
        match request.WhichOneof("target"):
            case "peer":
                named_tenant, peer_id = peer_of(request.peer, "peer")
                if named_tenant != tenant:
                    raise invalid("peer", "must be below parent")
                peer = self._model.peer(tenant, peer_id)
                if peer is None:
                    raise NotFoundError("there is no such peer")
                return peer
            case "party":
                return self._holder(tenant, request.party)
        raise invalid("target", "name a peer or a party")

    def _holder(self, tenant: str, key: pb.PartyKey) -> Peer:
        """The peer that holds the party; without a role, if one peer holds it in all its roles (PR-03)."""
        role = _field("party.role", role_from_pb, key.role)
        holders = self._model.holders(
            tenant, _field("party.country_code", country_code, key.country_code),
            _field("party.party_id", party_id, key.party_id),
        )  # fmt: skip
        found = {peer.uid: peer for name, peer in holders.items() if role is None or name == role.value}
        if not found:
            raise NotFoundError("no registered peer holds this party")
        if len(found) > 1:
            raise invalid("party.role", "is needed: several peers hold this party in different roles")
        return next(iter(found.values()))

    def _usable(self, peer: Peer) -> Peer:
        if peer.blocked:
            raise PeerBlockedError("the peer is blocked: its token is not to be used")
        if peer.state is not PeerState.REGISTERED:
            raise WrongStateError(f"the peer is {peer.state.word}: there is no token for it")
        if peer.quarantined:
            raise WrongStateError("the peer is quarantined: an operator has to approve its parties first")
        return peer


def _brief(peer: Peer) -> pb.GetPeerTokenResponse:
    """What has no more than a kilobyte: 500 of it must fit into the 4 MiB that gRPC clients take."""
    return pb.GetPeerTokenResponse(
        peer=peer.name, version=str(peer.version or ""), versions_url=peer.versions_url or ""
    )


def _token_of(peer: Peer) -> pb.GetPeerTokenResponse:
    """All but the token itself."""
    answer = _brief(peer)
    answer.endpoints.extend(map(endpoint_to_pb, peer.endpoints))
    answer.parties.extend(map(party_to_pb, peer.parties))
    return answer


def _verdict_of(peer: Peer) -> pb.VerifyTokenResponse:
    return pb.VerifyTokenResponse(
        valid=True,
        tenant=f"tenants/{peer.tenant}",
        peer=peer.name,
        parties=map(party_to_pb, peer.parties),
        version=str(peer.version or ""),
    )


def _field(name: str, read: Callable[[V], T], value: V) -> T:
    try:
        return read(value)
    except ValueError as err:
        raise InvalidArgumentError([(name, str(err))]) from None


def _endpoint(peer: Peer, module: str, role: InterfaceRole | None) -> Endpoint | None:
    """The endpoint asked for, an exact match first.

    Raises EndpointNotFoundError, or InvalidArgumentError if a role is needed to choose.
    """
    if not module:
        return None
    of_module = [item for item in peer.endpoints if item.module == module]
    exact = [item for item in of_module if item.role is role]
    # One without a role stands for either (VD-02, or a peer that wrote none that there is).
    found = exact or [item for item in of_module if role is None or item.role is None]
    if not found:
        wanted = f"{module}/{role.value}" if role else module
        raise EndpointNotFoundError(f"the peer has no endpoint {wanted}")
    if len(found) > 1:
        raise invalid("interface_role", f"is needed: the peer serves {module} in more than one role")
    return found[0]
