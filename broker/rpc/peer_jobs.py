"""What operators want of peers as Sender: each RPC writes the job down, and may wait for its outcome.

A job that is there already goes on instead of a second one: a repeated call does no harm.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

from google.protobuf.message import Message
from grpc.aio import ServicerContext

from broker.clock import Clock
from broker.contract.names import peer_of, resource_id, tenant_of
from broker.contract.values import Violations
from broker.core import lifecycle, notices
from broker.core.exchange import ExchangeKind
from broker.core.job import Job, JobState
from broker.core.model import Terms, Token, Version, origin
from broker.core.peer import Peer, PeerState, offered
from broker.crypto import minting
from broker.crypto.minting import Pepper
from broker.errors import ConflictError, NotFoundError, PeerBlockedError, WrongStateError
from broker.exchanges.dispatcher import Dispatcher
from broker.exchanges.ourselves import Ourselves
from broker.memory.readmodel import ACCESS_TOKEN, ReadModel
from broker.ocpi.authorization import is_encoded
from broker.outbound.url_policy import UrlPolicy
from broker.rpc import intents
from broker.rpc.guard import OUTCOME_SECONDS
from broker.rpc.mutations import Mutations
from broker.rpc.stored_peer import StoredPeers, read
from broker.store import jobs, offers, tenants, transitions
from broker.store.transactions import Store, Transaction
from ocpi_broker.v1 import peer_service_pb2 as pb
from ocpi_broker.v1 import resources_pb2

Context: TypeAlias = "ServicerContext[Any, Any]"
R = TypeVar("R", bound=Message)


_POLL_SECONDS = 0.05
_MARGIN_SECONDS = 1.0
"""Before the caller's time is up: the answer has to get there."""


class PeerJobs(StoredPeers):
    """ConnectPeer, RotatePeer, SwitchPeerVersion, RevokePeer, UnregisterPeer."""

    def __init__(
        self,
        store: Store,
        model: ReadModel,
        mutations: Mutations,
        urls: UrlPolicy,
        clock: Clock,
        pepper: Pepper,
        ourselves: Ourselves,
        dispatcher: Dispatcher,
    ) -> None:
        super().__init__(store, model, mutations, urls, clock)
        self._pepper = pepper
        self._ourselves = ourselves
        self._dispatcher = dispatcher

    async def ConnectPeer(self, request: pb.ConnectPeerRequest, context: Context) -> pb.ConnectPeerResponse:
        tenant = tenant_of(request.parent, "parent")
        wanted, terms = self._invited(request, tenant)
        version = Version(request.version) if request.version else None

        def connect(tx: Transaction) -> resources_pb2.Peer:
            if not tenants.keep(tx, [tenant]):
                raise NotFoundError("there is no such tenant")
            peer = self._to_connect(tx, tenant, request.peer_id, terms)
            if peer.state is PeerState.REGISTERED and self._has_used(peer, wanted):
                return self._reread(tx, peer)
            _admit(lifecycle.why_not(peer.care, "connecting"))
            _require_same_host(peer, request.versions_url)
            begun = self._registration_job(tx, peer, request.versions_url, wanted, version)
            asked = replace(terms or peer.terms, versions_url=request.versions_url)
            if peer.job is not None and peer.job.is_running(tx.now):
                self._require_same(peer, peer.job, begun, wanted, asked)
                jobs.resume(tx, peer.uid, peer.job)
                return self._reread(tx, peer)
            offers.connect(tx, peer, asked)
            jobs.put(tx, peer.uid, begun)
            if is_encoded(wanted):
                transitions.add_notice(tx, peer, notices.token_encoded(tx.now))
            tx.audit("peer.connect_requested", tenant, peer.name, url=request.versions_url, version=request.version)
            return self._reread(tx, peer)

        return await self._begin(request, request.request_id, pb.ConnectPeerResponse, connect, context, request.wait)

    async def RotatePeer(self, request: pb.RotatePeerRequest, context: Context) -> pb.RotatePeerResponse:
        def rotate(tx: Transaction) -> resources_pb2.Peer:
            peer = self._registered(tx, request.name, request.etag)
            _admit(lifecycle.why_no_put(peer.care, "renewing the tokens"))
            intents.renew(tx, peer, None)
            tx.audit("peer.rotation_requested", peer.tenant, peer.name)
            return self._reread(tx, peer)

        return await self._begin(request, request.request_id, pb.RotatePeerResponse, rotate, context, request.wait)

    async def SwitchPeerVersion(
        self, request: pb.SwitchPeerVersionRequest, context: Context
    ) -> pb.SwitchPeerVersionResponse:
        def switch(tx: Transaction) -> resources_pb2.Peer:
            peer = self._registered(tx, request.name, request.etag)
            _admit(lifecycle.why_no_put(peer.care, "switching the version"))
            if peer.job is not None and peer.job.confirming:
                raise ConflictError(intents.RUNNING)
            if peer.job is not None and peer.job.outcome_unknown:
                raise WrongStateError("it is not known yet what became of the last request: rotate the peer first")
            jobs.drop(tx, peer.uid)
            intents.renew(tx, replace(peer, job=None), self._offered_version(peer, request.version))
            tx.audit("peer.switch_requested", peer.tenant, peer.name, version=request.version)
            return self._reread(tx, peer)

        answer = pb.SwitchPeerVersionResponse
        return await self._begin(request, request.request_id, answer, switch, context, request.wait)

    async def RevokePeer(self, request: pb.RevokePeerRequest, context: Context) -> pb.RevokePeerResponse:
        def revoke(tx: Transaction) -> resources_pb2.Peer:
            peer = self._locked(tx, request.name, request.etag)
            if peer.state not in (PeerState.REGISTERED, PeerState.INVITED):
                raise WrongStateError(f"the peer is {peer.state.word}: no token of it works that could be revoked")
            open_ = intents.is_open(peer.job, tx.now)
            ended = [token.lookup_id for token in peer.issued if intents.dies(token, open_=open_)]
            transitions.revoke(tx, ended)
            tx.changed("peer", peer.uid)
            tx.audit("peer.revoked", peer.tenant, peer.name, lookup_ids=ended)
            if peer.state is PeerState.REGISTERED and not peer.blocked and not open_ and peer.care.may_put:
                intents.replace_revoked(tx, peer)
            return self._reread(tx, peer)

        return await self._begin(request, request.request_id, pb.RevokePeerResponse, revoke, context, request.wait)

    async def UnregisterPeer(self, request: pb.UnregisterPeerRequest, context: Context) -> pb.UnregisterPeerResponse:
        def unregister(tx: Transaction) -> resources_pb2.Peer:
            peer = self._locked(tx, request.name, request.etag)
            if peer.state is PeerState.UNREGISTERED:
                raise WrongStateError("the peer is not registered")
            if intents.is_open(peer.job, tx.now) and not request.force:
                raise ConflictError(
                    "a request of ours is open, whose answer would be lost; try again when it is over, or use force"
                )
            registered = peer.state is PeerState.REGISTERED and peer.held is not None
            if registered and not request.force:
                _admit(lifecycle.why_no_farewell(peer.care))
            if registered and not peer.care.is_manual:
                intents.end(tx, peer, force=request.force)
                tx.audit("peer.unregister_requested", peer.tenant, peer.name, force=request.force)
            else:
                transitions.dissolve(tx, peer)
                tx.audit("peer.unregistered", peer.tenant, peer.name, by="operator")
            return self._reread(tx, peer)

        answer = pb.UnregisterPeerResponse
        return await self._begin(request, request.request_id, answer, unregister, context, request.wait)

    async def _begin(
        self,
        request: Message,
        request_id: str,
        answer: type[R],
        work: Callable[[Transaction], resources_pb2.Peer],
        context: Context,
        wait: bool,
    ) -> R:
        """Write the job down; then, if the caller waits, answer with the peer as it is when that is settled."""
        begun = await self._mutations.perform(request, request_id, answer, lambda tx: answer(peer=work(tx)))
        self._dispatcher.wake()
        if not wait:
            return begun
        name: str = begun.peer.name  # type: ignore[attr-defined]  # each of these answers is a peer
        return answer(peer=await self._settled(name, context.time_remaining()))

    async def _settled(self, name: str, seconds: float | None) -> resources_pb2.Peer:
        """The peer when its job is done or has failed, or when time is nearly up. The guard bounds the whole call."""
        tenant, peer_id = peer_of(name, "name")
        loop = asyncio.get_running_loop()
        until = loop.time() + min(seconds or OUTCOME_SECONDS, OUTCOME_SECONDS) - _MARGIN_SECONDS
        while loop.time() < until:
            peer = self._model.peer(tenant, peer_id)
            if peer is None or peer.job is None or peer.job.state is JobState.FAILED:
                break
            await asyncio.sleep(_POLL_SECONDS)
        return await self._shown(tenant, peer_id)

    def _invited(self, request: pb.ConnectPeerRequest, tenant: str) -> tuple[Token, Terms | None]:
        """The token and the terms, if there are any. Raises InvalidArgumentError with everything that is wrong."""
        wrong = Violations()
        with wrong.of("peer_id"):
            resource_id(request.peer_id)
        with wrong.of("versions_url"):
            self._urls.check(request.versions_url)
        token = Token("-")
        with wrong.of("token"):
            token = Token(request.token)
        if token.appears_in(request.versions_url):
            wrong.add("versions_url", "must not contain the token")
        known = self._model.tenant(tenant)
        if known is not None and request.versions_url.rstrip("/") == self._ourselves.versions_url(known):
            wrong.add("versions_url", "is the tenant's own")
        if request.version and known is not None and request.version not in map(str, known.versions):
            wrong.add("version", f"must be one of {', '.join(map(str, known.versions))}, which the tenant offers")
        terms = None
        if request.HasField("terms"):
            terms = self._terms(request.terms, tenant, "terms", wrong)
            if request.terms.versions_url:
                wrong.add("terms.versions_url", "must be empty: versions_url says it")
        wrong.check()
        return token, terms

    def _to_connect(self, tx: Transaction, tenant: str, peer_id: str, terms: Terms | None) -> Peer:
        """The peer of that name, made if there is none, with its row locked."""
        if not transitions.create(
            tx, str(uuid4()), tenant, peer_id, terms or Terms(any_party=True), PeerState.CONNECTING
        ):
            transitions.lock(tx, tenant, peer_id)
        peer = read(tx, tenant, peer_id)
        if peer.blocked:
            raise PeerBlockedError("the peer is blocked; unblock it first")
        return peer

    def _has_used(self, peer: Peer, access: Token) -> bool:
        """Whether we are registered by this very invitation: asked again, there is nothing to do."""
        return peer.used_access is not None and minting.matches(self._pepper, access.reveal(), peer.used_access)

    def _registration_job(
        self, tx: Transaction, peer: Peer, versions_url: str, access: Token, version: Version | None
    ) -> Job:
        """A new invitation of the peer begins anew. With the one that we had, what was begun goes on (F2).

        The token that we have offered stays the same: the peer may have it already.
        """
        job = replace(
            intents.begun_job(tx, ExchangeKind.POST, version=version),
            versions_url=versions_url,
            access=self._model.sealed(peer.tenant, peer.uid, access, ACCESS_TOKEN),
        )
        before = peer.job
        if before is None:
            return job
        job = replace(job, offered=before.offered, offered_lookup_id=before.offered_lookup_id)
        if not before.outcome_unknown or not self._is_invited_by(peer, before, versions_url, access):
            return job
        return replace(job, sent_version=before.sent_version, reason=before.reason, message=before.message)

    def _is_invited_by(self, peer: Peer, job: Job, versions_url: str, access: Token) -> bool:
        """Whether this job registers with this invitation."""
        if job.kind is not ExchangeKind.POST or job.access is None or job.confirming:
            return False
        return job.versions_url == versions_url and self._model.unsealed(peer, job.access, ACCESS_TOKEN) == access

    def _require_same(self, peer: Peer, running: Job, wanted: Job, access: Token, terms: Terms) -> None:
        """An attempt that runs cannot be told anything else. Raises ConflictError."""
        invited = self._is_invited_by(peer, running, wanted.versions_url or "", access)
        if not invited or running.version != wanted.version or peer.terms != terms:
            raise ConflictError(intents.RUNNING)

    def _registered(self, tx: Transaction, name: str, expected: str) -> Peer:
        peer = self._locked(tx, name, expected)
        if peer.state is not PeerState.REGISTERED:
            raise WrongStateError(f"the peer is {peer.state.word}, not registered")
        if peer.blocked:
            raise PeerBlockedError("the peer is blocked; unblock it first")
        return peer

    def _offered_version(self, peer: Peer, text: str) -> Version:
        tenant = self._model.tenant(peer.tenant)
        versions = offered(tenant, peer) if tenant else ()
        wrong = Violations()
        if text not in map(str, versions):
            wrong.add("version", f"must be one of {', '.join(map(str, versions))}, which are offered to this peer")
        wrong.check()
        return Version(text)


def _admit(objection: str | None) -> None:
    if objection is not None:
        raise WrongStateError(objection)


def _require_same_host(peer: Peer, versions_url: str) -> None:
    """A registered peer may have invited us anew; another platform under its name is a slip of the pen."""
    if peer.state is PeerState.REGISTERED and peer.versions_url and origin(peer.versions_url) != origin(versions_url):
        raise WrongStateError("a peer of this name is registered on another host; unregister it first")
