"""Moving in and out: ImportPeer and ExportPeers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias
from uuid import uuid4

from grpc.aio import ServicerContext
from structlog.contextvars import bind_contextvars

from broker.clock import Clock
from broker.contract.names import tenant_of
from broker.contract.portable import hash_to_pb, newcomer_from_pb, portable_to_pb
from broker.contract.values import Violations, page_size
from broker.core import importing
from broker.core.caller import CallerRole
from broker.core.importing import Newcomer, Strength
from broker.core.model import Tenant, Token
from broker.core.peer import IssuedToken, Notice, Peer, PeerState, TokenState
from broker.core.warning_ids import WarningId
from broker.crypto import minting
from broker.crypto.minting import Pepper, SecretKind
from broker.errors import (
    AlreadyExistsError,
    NotFoundError,
    PartyNotAllowedError,
    PermissionDeniedError,
    WrongStateError,
)
from broker.exchanges.connection_check import ConnectionCheck
from broker.exchanges.dispatcher import Dispatcher
from broker.exchanges.ourselves import Ourselves
from broker.memory.readmodel import HELD_TOKEN, IMPORTED_TOKEN, ReadModel
from broker.ocpi import DIALECTS
from broker.ocpi.authorization import is_encoded, readings
from broker.outbound.url_policy import UrlPolicy
from broker.rpc import call_context
from broker.rpc.mutations import Mutations
from broker.rpc.page_tokens import Pages
from broker.rpc.peer_jobs import PeerJobs
from broker.rpc.stored_peer import found, read
from broker.store import imports, peers, tenants, transitions
from broker.store.imports import ImportedToken
from broker.store.transactions import Store, Transaction
from ocpi_broker.v1 import peer_service_pb2 as pb

Context: TypeAlias = "ServicerContext[Any, Any]"


class _OnlyTriedError(Exception):
    """Takes back a transaction that was to show what it would do."""

    def __init__(self, answer: pb.ImportPeerResponse) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Moving:
    """What moving needs beside what every RPC on peers has."""

    pages: Pages
    peppers: Mapping[str, Pepper]
    check: ConnectionCheck


class PeerMoves(PeerJobs):
    """ImportPeer, ExportPeers."""

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
        moving: Moving,
    ) -> None:
        super().__init__(store, model, mutations, urls, clock, pepper, ourselves, dispatcher)
        self._pages = moving.pages
        self._peppers = moving.peppers
        self._check = moving.check

    async def ImportPeer(self, request: pb.ImportPeerRequest, _context: Context) -> pb.ImportPeerResponse:
        """Repeated without a request_id: what was done is recognised by its content."""
        tenant = self._model.tenant(tenant_of(request.parent, "parent"))
        if tenant is None:
            raise NotFoundError("there is no such tenant")
        new, warnings = self._newcomer(request, tenant), list[str]()
        bind_contextvars(tenant=tenant.id, peer=new.id)  # for what is logged of the calls that a check makes
        if request.check and await self._is_new(tenant, new):
            checked = await self._check.look(tenant, new)
            new, warnings = checked.newcomer, list(checked.warnings)
        if new.version is not None and new.form_out is None:
            new = replace(new, form_out=new.quirks.auth_form_out or DIALECTS[str(new.version)].header)
        warnings += self._oddities(new, tenant)

        def take_over(tx: Transaction) -> pb.ImportPeerResponse:
            answer = self._taken_over(tx, tenant, new)
            answer.warnings.extend(warnings)
            if request.validate_only:
                raise _OnlyTriedError(answer)
            return answer

        try:
            answer = await self._store.change(call_context.current().caller.name, take_over)
        except _OnlyTriedError as tried:
            return tried.answer
        imported = self._model.peer(tenant.id, new.id)
        if imported is not None:
            answer.peer.CopyFrom(self._message(imported, {}))
        return answer

    async def _is_new(self, tenant: Tenant, new: Newcomer) -> bool:
        known = await self._store.read(lambda session: peers.find(session, tenant.id, new.id))
        return known is None or known.state is PeerState.UNREGISTERED

    async def ExportPeers(self, request: pb.ExportPeersRequest, _context: Context) -> pb.ExportPeersResponse:
        tenant, size = tenant_of(request.parent, "parent"), page_size(request.page_size)
        caller = call_context.current().caller
        if request.with_tokens and caller.role is not CallerRole.ADMIN:
            raise PermissionDeniedError("only an administrator may export tokens")
        what = f"export of {tenant}"
        after = self._pages.read(what, request.page_token) or ""
        listed = await self._store.read(lambda session: peers.page(session, peers.Among(tenant), after, size + 1))
        page = [peer for peer in listed[:size] if peer.state is PeerState.REGISTERED]
        messages = [portable_to_pb(peer) for peer in page]
        if request.with_tokens:
            for message, peer in zip(messages, page, strict=True):
                self._add_tokens(message, peer)
            await self._store.change(caller.name, lambda tx: _note_disclosures(tx, page))
        more = self._pages.write(what, listed[size - 1].id) if len(listed) > size else ""
        return pb.ExportPeersResponse(peers=messages, next_page_token=more)

    def _add_tokens(self, message: pb.PortablePeer, peer: Peer) -> None:
        """Of an issued token that we have generated, or that was replaced by one, there is no text (AU-15)."""
        if peer.held is not None:
            message.held_token = self._model.held_token(peer).reveal()
        active = peer.token(TokenState.ACTIVE)
        if active is not None and active.kept is not None:
            message.issued_token = self._model.unsealed(peer, active.kept, IMPORTED_TOKEN).reveal()
        elif active is not None:
            message.issued_token_hash = hash_to_pb(active)

    def _newcomer(self, request: pb.ImportPeerRequest, tenant: Tenant) -> Newcomer:
        """Judged as far as the peer itself goes. Raises InvalidArgumentError with everything that is wrong."""
        wrong = Violations()
        given = request.peer.HasField("terms")
        terms = self._terms(request.peer.terms, tenant.id, "peer.terms", wrong) if given else None
        new = newcomer_from_pb(request.peer, terms, wrong)
        urls = [(f"endpoints[{place}]", endpoint.url) for place, endpoint in enumerate(request.peer.endpoints)]
        for field, url in [("versions_url", new.versions_url), *urls]:
            with wrong.of(f"peer.{field}"):
                self._urls.check(url)
        if new.versions_url.rstrip("/") == self._ourselves.versions_url(tenant):
            wrong.add("peer.versions_url", "is the tenant's own")
        wrong.check()
        for field, what in importing.objections(new, tenant, asks=request.check):
            wrong.add(f"peer.{field}", what)
        if new.fingerprint is not None:
            self._check_hash(new.fingerprint.lookup_id, new.fingerprint.pepper_id, wrong)
        if new.issued is not None and minting.lookup_id(SecretKind.SERVICE_KEY, new.issued.reveal()):
            wrong.add("peer.issued_token", "is a service key of this software, and no token of OCPI")
        wrong.check()
        return new

    def _check_hash(self, lookup_id: str, pepper_id: str, wrong: Violations) -> None:
        if pepper_id not in self._peppers:
            wrong.add("peer.issued_token_hash", f"was made with the pepper {pepper_id}, which is not in this key file")
        if not minting.is_lookup_id(lookup_id):
            wrong.add("peer.issued_token_hash", "must have the form ID:KEY:HASH, as an export has written it")

    def _oddities(self, new: Newcomer, tenant: Tenant) -> list[str]:
        elsewhere = [one.key for one in new.endpoints if not self._urls.same_site(one.url, new.versions_url)]
        warnings = importing.oddities(new, tenant)
        if elsewhere:
            which = ", ".join(elsewhere[:5])
            warnings.append(f"endpoints: {which} are on another site than versions_url; a later PUT will be refused")
        return [*warnings, *_encoded(new)]

    def _taken_over(self, tx: Transaction, tenant: Tenant, new: Newcomer) -> pb.ImportPeerResponse:
        """All or nothing: whatever is refused here takes everything back."""
        if not tenants.keep(tx, [tenant.id]):
            raise NotFoundError("there is no such tenant")
        peer = Peer(str(uuid4()), tenant.id, new.id, PeerState.CONNECTING, False, new.allowed, 1, tx.now, tx.now)
        created = transitions.create(tx, peer.uid, tenant.id, new.id, new.allowed, peer.state)
        if not created:
            transitions.lock(tx, tenant.id, new.id)
            peer = read(tx, tenant.id, new.id)
        if not created and peer.state is not PeerState.UNREGISTERED:
            self._require_no_difference(peer, new)
            return pb.ImportPeerResponse(outcome=pb.IMPORT_OUTCOME_UNCHANGED)
        if new.version is None or not new.endpoints:
            raise WrongStateError("the peer was unregistered meanwhile; import it again")
        self._require_free(tx, peer, new)
        held = self._model.sealed(tenant.id, peer.uid, new.held, HELD_TOKEN)
        imports.register(tx, peer, new, held, self._imported_token(peer, new))
        self._claim(tx, peer, new)
        for finding in _encoded(new):
            transitions.add_notice(tx, peer, Notice(WarningId.TOKEN_ENCODED, finding, tx.now))
        tx.audit(
            "peer.imported",
            tenant.id,
            peer.name,
            version=str(new.version),
            url=new.versions_url,
            parties=sorted(map(str, new.keys)),
            lifecycle=new.care.lifecycle.value,
        )
        return pb.ImportPeerResponse(outcome=pb.IMPORT_OUTCOME_IMPORTED)

    def _imported_token(self, peer: Peer, new: Newcomer) -> ImportedToken | None:
        if new.issued is not None:
            text = new.issued.reveal()
            weak = importing.strength(new.issued) is not Strength.USUAL
            kept = self._model.sealed(peer.tenant, peer.uid, new.issued, IMPORTED_TOKEN)
            return ImportedToken(minting.fingerprint_of_issued(self._pepper, text), weak, kept)
        return ImportedToken(new.fingerprint, weak=False, kept=None) if new.fingerprint else None

    def _require_no_difference(self, peer: Peer, new: Newcomer) -> None:
        """Raises a refusal that says in what this is another connection; never with a token in it."""
        if peer.state is not PeerState.REGISTERED:
            raise WrongStateError(f"there is a peer {peer.id}, which is {peer.state.word}; unregister it first")
        token = self._own(peer, new)
        if token is not None and token.state is not TokenState.ACTIVE:
            differing = importing.setting_differences(peer, new)  # imported, and renewed since
        else:
            held = self._model.held_token(peer) if peer.held else None
            differing = importing.differences(peer, new, held)
            has_token = peer.token(TokenState.ACTIVE) is not None
            if token is None and (has_token or new.issued or new.fingerprint):
                differing.insert(0, "issued_token")
        if differing:
            raise AlreadyExistsError(f"there is a peer {peer.id} that differs in {', '.join(differing)}")

    def _own(self, peer: Peer, new: Newcomer) -> IssuedToken | None:
        """The token of the peer that the newcomer has, at whatever time it was issued."""
        for token in peer.issued:
            if new.fingerprint is not None and token.digest == new.fingerprint.digest:
                return token
            pepper = self._peppers.get(token.pepper_id)
            if new.issued is not None and pepper and minting.matches(pepper, new.issued.reveal(), token.digest):
                return token
        return None

    def _require_free(self, tx: Transaction, peer: Peer, new: Newcomer) -> None:
        """A token says who somebody is: it has one owner in all tenants, whichever way a header is read (AU-07).

        One whose registration has ended may be taken over for another peer: it has moved.
        """
        same = minting.lookup_ids(self._peppers.values(), new.issued.reveal()) if new.issued else ()
        if new.fingerprint is not None:
            same = (new.fingerprint.lookup_id,)
        alike = self._alike(new.issued) if new.issued else set()
        held = minting.lookup_ids(self._peppers.values(), new.held.reveal())
        for owner in imports.owners(tx.session, [*same, *alike, *held]):
            if owner.lookup_id in held and owner.tenant == peer.tenant:
                raise AlreadyExistsError(f"held_token: is one that this tenant has issued, to the peer {owner.peer_id}")
            ended = owner.ended and owner.lookup_id in same
            if owner.lookup_id in {*same, *alike} and owner.peer_uid != peer.uid and not ended:
                whom = f"the peer {owner.peer_id}" if owner.tenant == peer.tenant else "a peer of another tenant"
                raise AlreadyExistsError(f"issued_token: {whom} has it, or one that reads the same in a header")

    def _alike(self, token: Token) -> set[str]:
        """Where those are stored, if they are issued, that a header may mean as well."""
        texts = readings(token.reveal())
        return {one for text in texts for one in minting.lookup_ids(self._peppers.values(), text)}

    def _claim(self, tx: Transaction, peer: Peer, new: Newcomer) -> None:
        lost = transitions.claim_parties(tx, peer, new.parties)
        if not lost:
            return
        holder = peers.find_by_uid(tx.session, peers.holders(tx.session, peer.tenant, lost[:1]).get(lost[0], ""))
        raise PartyNotAllowedError(f"parties: {lost[0]} belongs to the peer {found(holder).id}")


def _encoded(new: Newcomer) -> list[str]:
    """What is said of tokens that may stand in the file as a header has them (A3); one sentence, or none."""
    tokens = {"held_token": new.held, "issued_token": new.issued}
    names = [name for name, token in tokens.items() if token is not None and is_encoded(token)]
    if not names:
        return []
    used = "is Base64 of another token: it is used as it stands in the file"
    return [
        f"{' and '.join(names)}: {used}; if that is a header's value, unregister the peer and import what it encodes"
    ]


def _note_disclosures(tx: Transaction, page: list[Peer]) -> None:
    for peer in page:
        tx.audit("peer.exported_with_tokens", peer.tenant, peer.name)
