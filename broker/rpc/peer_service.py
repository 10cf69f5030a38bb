"""PeerService: what operators do with the peers of a tenant."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, TypeAlias
from uuid import uuid4

from grpc.aio import ServicerContext

from broker.contract.names import peer_of, resource_id, tenant_of
from broker.contract.peers import care_from_pb, exchange_to_pb, quirks_from_pb, state_from_pb
from broker.contract.tenants import versions_from_pb
from broker.contract.values import Violations, invalid, masked, page_size, seconds_from_pb, timestamp
from broker.core import notices
from broker.core.announcements import nameless
from broker.core.model import HeaderForm, Party, Tenant, Terms, Token
from broker.core.peer import Peer, PeerState, Purpose, offered
from broker.crypto import minting
from broker.crypto.minting import SecretKind
from broker.errors import AlreadyExistsError, NotFoundError, WrongStateError
from broker.ocpi import DIALECTS
from broker.ocpi.authorization import write_authorization
from broker.rpc import intents
from broker.rpc.peer_moves import PeerMoves
from broker.rpc.stored_peer import found, read
from broker.store import exchange_records, peer_health, peers, removals, tenants, transitions
from broker.store.transactions import Transaction
from ocpi_broker.v1 import peer_service_pb2 as pb
from ocpi_broker.v1 import peer_service_pb2_grpc as rpc
from ocpi_broker.v1 import resources_pb2

Context: TypeAlias = "ServicerContext[Any, Any]"


_CARE = ("lifecycle", "rotation_period", "renewal")
_SETTINGS = ("terms", "quirks", "versions", "may_downgrade", "requested_parties", *_CARE)


@dataclass(frozen=True, slots=True)
class _Invitation:
    """Token A on its way out; its text is in this answer and nowhere else."""

    peer: Peer
    token: Token
    expires: int


class PeerServicer(PeerMoves, rpc.PeerServiceServicer):
    """What is done with peers as Receiver; the rest is PeerJobs's and PeerMoves's."""

    async def InvitePeer(self, request: pb.InvitePeerRequest, _context: Context) -> pb.InvitePeerResponse:
        tenant = tenant_of(request.parent, "parent")
        terms, lifetime = self._wanted(request, tenant)

        def invite(tx: Transaction) -> pb.InvitePeerResponse:
            if not tenants.keep(tx, [tenant]):
                raise NotFoundError("there is no such tenant")
            uid = str(uuid4())
            peer_id = self._insert(tx, uid, tenant, request.peer_id, terms)
            tx.audit(
                "peer.invited", tenant, f"tenants/{tenant}/peers/{peer_id}", parties=sorted(map(str, terms.parties))
            )
            invitation = self._issue_invitation(tx, read(tx, tenant, peer_id), lifetime)
            return pb.InvitePeerResponse(**self._shown_once(invitation))

        return await self._mutations.perform(request, request.request_id, pb.InvitePeerResponse, invite)

    async def ResetPeer(self, request: pb.ResetPeerRequest, _context: Context) -> pb.ResetPeerResponse:
        tenant, _ = peer_of(request.name, "name")
        found = Violations()
        lifetime = self._lifetime(request, tenant, found)
        found.check()

        def reset(tx: Transaction) -> pb.ResetPeerResponse:
            peer = self._locked(tx, request.name, request.etag)
            if self._is_exact(tenant) and not peer.terms.parties:
                raise WrongStateError(
                    "nobody could use the invitation: the tenant's role policy is exact, and the peer's terms name no "
                    "party; update them first"
                )
            transitions.invite_again(tx, peer)
            tx.audit("peer.reset", tenant, peer.name)
            invitation = self._issue_invitation(tx, peer, lifetime)
            return pb.ResetPeerResponse(**self._shown_once(invitation))

        return await self._mutations.perform(request, request.request_id, pb.ResetPeerResponse, reset)

    async def GetPeer(self, request: pb.GetPeerRequest, _context: Context) -> pb.GetPeerResponse:
        tenant, peer_id = peer_of(request.name, "name")
        return pb.GetPeerResponse(peer=await self._shown(tenant, peer_id))

    async def ListPeers(self, request: pb.ListPeersRequest, _context: Context) -> pb.ListPeersResponse:
        tenant, size = tenant_of(request.parent, "parent"), page_size(request.page_size)
        among = peers.Among(tenant, state_from_pb(request.state), request.failing)
        match request.order_by:
            case "":
                what = f"peers {among}"
                after = self._pages.read(what, request.page_token) or ""
                listed = await self._store.read(lambda session: peers.page(session, among, after, size + 1))
                place: Callable[[Peer], Any] = attrgetter("id")
            case "token_time":
                what = f"peers {among} by age"
                older = self._pages.read(what, request.page_token)
                since = (int(older[0]), str(older[1])) if older else None
                listed = await self._store.read(lambda session: peers.page_by_age(session, among, since, size + 1))
                place = _age
            case _:
                raise invalid("order_by", 'must be empty or "token_time"')
        more = self._pages.write(what, place(listed[size - 1])) if len(listed) > size else ""
        page = listed[:size]
        health = await self._store.read(lambda session: peer_health.find(session, [peer.uid for peer in page]))
        return pb.ListPeersResponse(peers=[self._message(peer, health) for peer in page], next_page_token=more)

    async def UpdatePeer(self, request: pb.UpdatePeerRequest, _context: Context) -> pb.UpdatePeerResponse:
        tenant, _ = peer_of(request.peer.name, "peer.name")
        found = Violations()
        fields = masked(request.update_mask.paths, _SETTINGS)
        changes = self._changes(request.peer, tenant, fields, found)
        care = care_from_pb(request.peer, "peer", found)
        cared = {name: getattr(care, name) for name in _CARE if name in fields}
        found.check()

        def update(tx: Transaction) -> pb.UpdatePeerResponse:
            peer = self._locked(tx, request.peer.name, request.peer.etag)
            covers = changes.get("terms", peer.terms).coverage()
            waiting = tuple(key for key in peer.requested if not covers(key))
            announced = tuple(party for party in peer.announced if party.key in waiting)
            emptied = {"announced": ()} if "requested" in changes else {}
            care = replace(peer.care, **cared)
            changed = replace(
                peer, **{"requested": waiting, "announced": announced, **changes, **emptied, "care": care}
            )
            intents.lay_down(tx, peer, changed.care)
            transitions.adjust(tx, peer, changed)
            if "terms" in fields:
                self._take_over(tx, peer, changed)
            tx.audit("peer.updated_by_operator", tenant, peer.name, **_decided(changed, fields))
            return pb.UpdatePeerResponse(peer=self._reread(tx, peer))

        return await self._mutations.perform(request, request.request_id, pb.UpdatePeerResponse, update)

    async def DeletePeer(self, request: pb.DeletePeerRequest, _context: Context) -> pb.DeletePeerResponse:
        def delete(tx: Transaction) -> pb.DeletePeerResponse:
            peer = self._locked(tx, request.name, request.etag)
            intents.require_over(peer)
            removals.remove(tx, peer)
            tx.audit("peer.deleted", peer.tenant, peer.name, state=peer.state.value)
            return pb.DeletePeerResponse()

        return await self._mutations.perform(request, request.request_id, pb.DeletePeerResponse, delete)

    def _take_over(self, tx: Transaction, before: Peer, changed: Peer) -> None:
        """What the peer has announced in an exchange that succeeded is its own as soon as the terms cover it and nobody
        else holds it (RS-09); of one that has announced nothing it may be, what the terms name.
        """
        wanted = [party for party in before.announced if party not in changed.announced]
        if before.quarantined and not before.requested:
            wanted = self._named(before.tenant, changed.terms)
        if before.state is not PeerState.REGISTERED or not (wanted or before.announced):
            return
        lost = transitions.claim_parties(tx, before, [*before.parties, *wanted])
        told = notices.held_elsewhere(peers.told_holders(tx.session, before.tenant, lost), tx.now)
        kept = notices.without_parties(before.notices)
        waiting = [*changed.announced, *(party for party in wanted if party.key in lost)]
        transitions.wait_for(tx, before, changed.requested, waiting, [*kept, told] if told else kept)
        gained = [str(party.key) for party in wanted if party.key not in lost]
        if gained:
            tx.audit("peer.parties_approved", before.tenant, before.name, parties=sorted(gained))

    def _named(self, tenant: str, terms: Terms) -> list[Party]:
        known = self._model.tenant(tenant)
        ours = {party.key for party in known.parties} if known else set()
        return [Party(key, nameless(key)) for key in sorted(terms.parties - ours, key=str)]

    async def BlockPeer(self, request: pb.BlockPeerRequest, _context: Context) -> pb.BlockPeerResponse:
        def block(tx: Transaction) -> pb.BlockPeerResponse:
            peer = self._locked(tx, request.name, request.etag)
            if not peer.blocked:
                transitions.block(tx, peer, blocked=True)
                tx.audit("peer.blocked", peer.tenant, peer.name)
            return pb.BlockPeerResponse(peer=self._reread(tx, peer))

        return await self._mutations.perform(request, request.request_id, pb.BlockPeerResponse, block)

    async def UnblockPeer(self, request: pb.UnblockPeerRequest, _context: Context) -> pb.UnblockPeerResponse:
        def unblock(tx: Transaction) -> pb.UnblockPeerResponse:
            peer = self._locked(tx, request.name, request.etag)
            if peer.blocked:
                transitions.block(tx, peer, blocked=False)
                tx.audit("peer.unblocked", peer.tenant, peer.name)
            return pb.UnblockPeerResponse(peer=self._reread(tx, peer))

        return await self._mutations.perform(request, request.request_id, pb.UnblockPeerResponse, unblock)

    async def ListExchanges(self, request: pb.ListExchangesRequest, _context: Context) -> pb.ListExchangesResponse:
        tenant, peer_id = peer_of(request.parent, "parent")
        size = page_size(request.page_size)
        peer = found(await self._store.read(lambda session: peers.find(session, tenant, peer_id)))
        what = f"exchanges of {peer.uid}"
        place = self._pages.read(what, request.page_token)
        before = (int(place[0]), str(place[1])) if place else None
        now = self._clock()
        listed = await self._store.read(lambda session: exchange_records.page(session, peer.uid, before, size + 1, now))
        page = listed[:size]
        more = self._pages.write(what, [page[-1].started_at, page[-1].uid]) if len(listed) > size else ""
        return pb.ListExchangesResponse(exchanges=map(exchange_to_pb, page), next_page_token=more)

    def _changes(
        self, message: resources_pb2.Peer, tenant: str, fields: Sequence[str], found: Violations
    ) -> dict[str, Any]:
        """The new values of these fields."""
        changes: dict[str, Any] = {}
        if "terms" in fields:
            changes["terms"] = self._terms(message.terms, tenant, "peer.terms", found)
        if "quirks" in fields:
            changes["quirks"] = quirks_from_pb(message.quirks, found)
        if "versions" in fields:
            known = self._model.tenant(tenant)
            supported = [str(version) for version in known.versions] if known else DIALECTS
            changes["versions"] = versions_from_pb(message.versions, supported, "peer.versions", found)
        if "may_downgrade" in fields:
            changes["may_downgrade"] = message.may_downgrade
        if "requested_parties" in fields:
            changes["requested"] = ()
            if message.requested_parties:
                found.add("peer.requested_parties", "can only be emptied; what is approved belongs into terms")
        return changes

    def _wanted(self, request: pb.InvitePeerRequest, tenant: str) -> tuple[Terms, int]:
        """The terms and the lifetime in seconds. Raises InvalidArgumentError with everything that is wrong."""
        found = Violations()
        if request.peer_id:
            with found.of("peer_id"):
                resource_id(request.peer_id)
        terms = self._terms(request.terms, tenant, "terms", found)
        lifetime = self._lifetime(request, tenant, found)
        found.check()
        return terms, lifetime

    def _lifetime(self, request: pb.InvitePeerRequest | pb.ResetPeerRequest, tenant: str, found: Violations) -> int:
        """In seconds, as asked for or as the tenant's policy has it."""
        lifetime = self._model.policy(tenant).invitation_expiry
        if request.HasField("expiry"):
            with found.of("expiry"):
                lifetime = seconds_from_pb(request.expiry)
        return lifetime

    def _insert(self, tx: Transaction, uid: str, tenant: str, wanted: str, terms: Terms) -> str:
        """Create the peer; its id is the one wanted, or made from its first party."""
        if wanted:
            if not transitions.create(tx, uid, tenant, wanted, terms, PeerState.INVITED):
                raise AlreadyExistsError(f"there is a peer {wanted}; reset it to invite it again")
            return wanted
        first = min((str(key) for key in terms.parties), default="peer")
        base = first.lower().replace("/", "-")
        peer_id = base
        while not transitions.create(tx, uid, tenant, peer_id, terms, PeerState.INVITED):
            peer_id = f"{base}-{secrets.token_hex(3)}"
        return peer_id

    def _issue_invitation(self, tx: Transaction, peer: Peer, lifetime: int) -> _Invitation:
        text = minting.mint(SecretKind.ISSUED_TOKEN)
        fingerprint = minting.fingerprint(self._pepper, SecretKind.ISSUED_TOKEN, text)
        expires = tx.now + lifetime * 1_000_000
        transitions.issue(tx, peer.uid, peer.tenant, Purpose.INVITATION, fingerprint, expires)
        tx.audit("invitation.issued", peer.tenant, peer.name, lookup_id=fingerprint.lookup_id)
        return _Invitation(read(tx, peer.tenant, peer.id), Token(text), expires)

    def _shown_once(self, invitation: _Invitation) -> dict[str, Any]:
        tenant = self._model.tenant(invitation.peer.tenant)
        if tenant is None:
            raise NotFoundError("there is no such tenant")
        return {
            "peer": self._message(invitation.peer, {}),
            "token": invitation.token.reveal(),
            "authorization": write_authorization(invitation.token, _form(tenant, invitation.peer)),
            "versions_url": self._ourselves.urls(tenant, invitation.peer).versions,
            "expire_time": timestamp(invitation.expires),
        }


def _age(peer: Peer) -> list[Any]:
    """The place of a peer among those ordered by the age of their tokens."""
    return [peer.held.created_at if peer.held else 0, peer.id]


def _form(tenant: Tenant | None, peer: Peer) -> HeaderForm:
    """In which the peer will show the token: as set for it, or as its newest version has it (A1)."""
    newest = offered(tenant, peer)[-1:] if tenant else ()
    usual = DIALECTS[str(newest[0])].header if newest else HeaderForm.BASE64
    return peer.quirks.auth_form_in or usual


def _decided(peer: Peer, fields: Iterable[str]) -> dict[str, Any]:
    """For the audit log."""
    values: dict[str, Any] = {
        "terms": {
            "parties": sorted(map(str, peer.terms.parties | peer.terms.patterns)),
            "any_party": peer.terms.any_party,
            "versions_url": peer.terms.versions_url,
        },
        "quirks": peer.quirks.write(),
        "versions": [str(version) for version in peer.versions],
        "may_downgrade": peer.may_downgrade,
        "requested_parties": [],
        "lifecycle": peer.care.lifecycle.value,
        "rotation_period": peer.care.rotation_period,
        "renewal": peer.care.renewal.value,
    }
    return {name: value for name, value in values.items() if name in fields}
